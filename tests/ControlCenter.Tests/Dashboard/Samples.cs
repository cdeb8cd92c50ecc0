using System.Security.Claims;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components.Authorization;

namespace ControlCenter.Tests.Dashboard;

/// <summary>Read models as the queries give them, for tests of what shows them.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset Start = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    public static JsonElement Json(string text) => JsonElement.Parse(text);

    public static EscalationView Escalation(
        int number, EscalationKind kind = EscalationKind.Approval, EscalationState state = EscalationState.Waiting, string? action = null, params string[] options)
    {
        JsonElement? parsed = action is null ? null : Json(action);
        return new EscalationView(
            Id(number), kind, $"Question {number}", null, null, null, null, null, null, Guid.Empty, "an agent", Role.AgentRuntime,
            parsed, parsed is { } json ? ActionHash.Of(json) : null, options, state, Start.AddMinutes(number), Start.AddDays(1), false, 0, null);
    }

    /// <summary>Somebody who is signed in with a role; nobody with none.</summary>
    public static System.Threading.Tasks.Task<AuthenticationState> SignedIn(Role? role) => System.Threading.Tasks.Task.FromResult(new AuthenticationState(new ClaimsPrincipal(
        role is { } r ? new ClaimsIdentity([new Claim(ClaimTypes.Role, WireNames<Role>.ToWire(r))], "test") : new ClaimsIdentity())));

    public static Guid Id(int number) => new($"00000000-0000-7000-8000-{number:D12}");

    public static TaskDetail Task(TaskState state, IReadOnlyList<AttemptView> attempts, params ActivityView[] activity) => new(
        Id(1), Id(2), "T-1", "A ticket", "A task", null, [], 2, state, attempts.Count, 3, 60, null, null, null, null, null, null, null, Id(3), "founder",
        Start, Start, null, [], [], [], attempts, activity);

    public static AttemptView Lease(int number, string agent, int fromSecond, int? toSecond = null, LeaseEnd? end = null) => new(
        Id(100 + number), number, AgentId(agent), agent, number, Start.AddSeconds(fromSecond), Start.AddSeconds(fromSecond + 60),
        toSecond is { } to ? Start.AddSeconds(to) : null, end);

    public static ActivityView Activity(int seq, int second, string agent, string kind, string data = "{}", string? subject = null) =>
        new(seq, Start.AddSeconds(second), AgentId(agent), agent, kind, subject, Id(2), Id(1), Json(data));

    public static CheckpointView Checkpoint(AttemptView lease, int second) =>
        new(Id(500 + second), lease.LeaseId, lease.Attempt, 27, Start.AddSeconds(second), null);

    public static Guid AgentId(string name) => Id(900 + name[0]);
}
