using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Models;

/// <summary>How far a module is trusted with what it is given. A fallback never goes to one that is trusted less (AR-11).</summary>
public enum ModuleTrust
{
    /// <summary>Nothing that matters.</summary>
    Low,

    /// <summary>Ordinary work.</summary>
    Standard,

    /// <summary>Everything: under a contract, or on hardware of one's own.</summary>
    High,
}

/// <summary>Somebody who serves models.</summary>
/// <param name="Id">Its name: lower-case letters, digits, dots, hyphens and underscores.</param>
/// <param name="Endpoint">Its address up to, and without, <c>/v1</c>.</param>
/// <param name="Dialect">What it speaks.</param>
/// <param name="Credential"><c>env:NAME</c> or <c>file:PATH</c>: where its key is, never the key. Null for one that asks for none.</param>
/// <param name="AnswerTimeoutSeconds">How long it may take to begin its answer.</param>
/// <param name="IdleTimeoutSeconds">How long it may be silent within an answer.</param>
public sealed record Provider(
    string Id, string Endpoint, Dialect Dialect, string? Credential = null, int AnswerTimeoutSeconds = Provider.DefaultAnswerTimeoutSeconds,
    int IdleTimeoutSeconds = Provider.DefaultIdleTimeoutSeconds)
{
    /// <summary>The providers' own clients wait 10 minutes: a long answer that is not streamed takes that long.</summary>
    public const int DefaultAnswerTimeoutSeconds = 600;

    /// <summary>Providers send a ping within a stream at least every half minute; ten of them missed is an end.</summary>
    public const int DefaultIdleTimeoutSeconds = 300;
}

/// <summary>A model that can be called, by the name that stays when a provider renames it.</summary>
/// <param name="Id">Its canonical id.</param>
/// <param name="Provider">Who serves it.</param>
/// <param name="UpstreamModel">What its provider calls it.</param>
/// <param name="AccessPath">How it is paid for.</param>
/// <param name="ContextWindow">Tokens that it can take in; null if that is not known.</param>
/// <param name="MaxOutput">Tokens that it can give out in one call; null if that is not known.</param>
/// <param name="Capabilities">What it can do: <c>tools</c>, <c>vision</c> and so on.</param>
/// <param name="Trust">How far it is trusted.</param>
/// <param name="Evidence">Where what is said here stands, and when somebody last looked.</param>
/// <param name="EndsAt">From when its provider serves it no more; null where no end is known. From then on it is not called.</param>
public sealed record Module(
    string Id, string Provider, string UpstreamModel, AccessPath AccessPath = AccessPath.Api, int? ContextWindow = null, int? MaxOutput = null,
    string[]? Capabilities = null, ModuleTrust Trust = ModuleTrust.Standard, Evidence[]? Evidence = null, DateTimeOffset? EndsAt = null)
{
    /// <summary>Whether its provider has ended it.</summary>
    public bool HasEndedAt(DateTimeOffset now) => EndsAt <= now;
}

/// <summary>What a module costs from a moment on. Never changed: a new price is an entry of its own.</summary>
/// <param name="Module">Which module.</param>
/// <param name="EffectiveFrom">From when.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Input">A million tokens read at the full price.</param>
/// <param name="Output">A million tokens written.</param>
/// <param name="CacheRead">A million tokens read from a cache.</param>
/// <param name="CacheWrite">A million tokens put into a cache.</param>
/// <param name="Reasoning">A million tokens of reasoning; null where they cost what output does.</param>
/// <param name="PerHour">An hour of the machine that serves it, for self-hosted modules.</param>
/// <param name="Id">Which version of the price; given when it is kept.</param>
/// <param name="Subscription">What is paid by the month, for modules of a subscription.</param>
public sealed record Price(
    string Module, DateTimeOffset EffectiveFrom, string Currency, decimal Input, decimal Output, decimal? CacheRead = null, decimal? CacheWrite = null,
    decimal? Reasoning = null, decimal? PerHour = null, Guid? Id = null, Subscription? Subscription = null);

/// <summary>A name that callers use, and the modules that may serve it, best first.</summary>
/// <param name="Alias">What callers say as their model.</param>
/// <param name="Modules">Candidates, in order.</param>
/// <param name="Shadow">A module that a share of its calls is compared with; null for none.</param>
public sealed record Route(string Alias, string[] Modules, Shadow? Shadow = null);

/// <summary>A module, mostly a cheaper one, that is asked again what others have answered: to see what it would cost, and how it would do (AR-10).</summary>
/// <param name="Module">Which. It speaks the dialect of the route's first module, and is trusted no less.</param>
/// <param name="Percent">The share of the route's calls that it is asked, 0 to 100.</param>
/// <param name="Judge">The module that scores both answers, of the same dialect and trusted no less; null for no scores.</param>
public sealed record Shadow(string Module, decimal Percent = 0, string? Judge = null);
