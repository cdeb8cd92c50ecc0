using System.Collections.Frozen;

namespace ControlCenter.Domain.Problems;

/// <summary>Every kind of problem that the bus answers with: its stable slug, its HTTP status and its title (RFC 9457; bus-api.md, Conventions).</summary>
public static class ProblemTypes
{
#pragma warning disable CS1591 // The names say what the table below says in full.
    public const string ValidationFailed = "validation_failed";
    public const string MalformedJson = "malformed_json";
    public const string ReservedKind = "reserved_kind";
    public const string CyclicDependency = "cyclic_dependency";
    public const string Unauthenticated = "unauthenticated";
    public const string BudgetExhausted = "budget_exhausted";
    public const string Forbidden = "forbidden";
    public const string AgentStopped = "agent_stopped";
    public const string NotFound = "not_found";
    public const string MethodNotAllowed = "method_not_allowed";
    public const string NameTaken = "name_taken";
    public const string FounderLockedOut = "founder_locked_out";
    public const string InvalidTransition = "invalid_transition";
    public const string LeaseLost = "lease_lost";
    public const string ControlHeld = "control_held";
    public const string NoInstanceFree = "no_instance_free";
    public const string ActionChanged = "action_changed";
    public const string AlreadyDecided = "already_decided";
    public const string PayloadTooLarge = "payload_too_large";
    public const string UnsupportedMediaType = "unsupported_media_type";
    public const string IdempotencyMismatch = "idempotency_mismatch";
    public const string RateLimited = "rate_limited";
    public const string WindowUsedUp = "window_used_up";
    public const string InternalError = "internal_error";
    public const string AdmissionClosed = "admission_closed";
    public const string AgentPaused = "agent_paused";
    public const string ShuttingDown = "shutting_down";
    public const string DatabaseUnavailable = "database_unavailable";
    public const string StorageUnavailable = "storage_unavailable";
    public const string RepositoryUnavailable = "repository_unavailable";
    public const string UnpricedModule = "unpriced_module";
    public const string UnknownModel = "unknown_model";
    public const string UpstreamFailed = "upstream_failed";
    public const string UpstreamTimeout = "upstream_timeout";
    public const string BreakerOpen = "breaker_open";
#pragma warning restore CS1591

    /// <summary>Status and title of each slug.</summary>
    public static IReadOnlyDictionary<string, (int Status, string Title)> All { get; } = new Dictionary<string, (int, string)>
    {
        [ValidationFailed] = (400, "A field is not as it must be"),
        [MalformedJson] = (400, "The body is not JSON"),
        [ReservedKind] = (400, "This kind of event is the host's own"),
        [CyclicDependency] = (400, "Tasks would wait for each other"),
        [UnpricedModule] = (400, "The model has no price"),
        [Unauthenticated] = (401, "No valid key was given"),
        [BudgetExhausted] = (402, "A budget is used up"),
        [Forbidden] = (403, "This caller may not do that"),
        [AgentStopped] = (403, "The agent was stopped"),
        [NotFound] = (404, "There is no such thing"),
        [UnknownModel] = (404, "There is no such model"),
        [MethodNotAllowed] = (405, "That cannot be done here"),
        [NameTaken] = (409, "The name is taken"),
        [FounderLockedOut] = (409, "A founder would be locked out"),
        [InvalidTransition] = (409, "The present state does not allow that"),
        [LeaseLost] = (409, "The lease is no longer in force"),
        [ControlHeld] = (409, "Somebody else has control"),
        [NoInstanceFree] = (409, "As many as may run are running"),
        [ActionChanged] = (409, "The action is not the one that was looked at"),
        [AlreadyDecided] = (409, "It has been decided, or has expired"),
        [PayloadTooLarge] = (413, "The body is too large"),
        [UnsupportedMediaType] = (415, "The body is not application/json"),
        [IdempotencyMismatch] = (422, "The key was used for another request"),
        [RateLimited] = (429, "Too many requests"),
        [WindowUsedUp] = (429, "The subscription's window is used up"),
        [InternalError] = (500, "Something went wrong inside the host"),
        [UpstreamFailed] = (502, "The provider failed"),
        [AdmissionClosed] = (503, "The host does not admit this now"),
        [AgentPaused] = (503, "The agent is paused"),
        [ShuttingDown] = (503, "The host is stopping"),
        [DatabaseUnavailable] = (503, "The database cannot be reached"),
        [StorageUnavailable] = (503, "The bus has no room for it"),
        [RepositoryUnavailable] = (503, "The backup repository cannot be read"),
        [BreakerOpen] = (503, "The model is left alone for a while"),
        [UpstreamTimeout] = (504, "The provider did not answer in time"),
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
