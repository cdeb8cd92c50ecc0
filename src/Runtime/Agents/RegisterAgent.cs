using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Agents;

/// <summary>A new agent.</summary>
/// <param name="Name">Unique on this bus; 1 to 200 characters.</param>
/// <param name="Kind">What it is: <c>claude-code</c>, <c>script</c>, …</param>
/// <param name="Capabilities">What it can do; at the most 200.</param>
/// <param name="Host">The machine that it runs on.</param>
/// <param name="Surface">What it runs in.</param>
public sealed record RegisterAgentRequest(string Name, string Kind, string[]? Capabilities = null, string? Host = null, string? Surface = null);

/// <summary>The agent, with its key, which is never shown again.</summary>
public sealed record RegisteredAgent(
    Guid AgentId, string Name, string Kind, string[] Capabilities, string? Host, string? Surface, string Key, int HeartbeatSeconds)
    : ICarriesSecret;

/// <summary>Registers agents.</summary>
public sealed class RegisterAgent(Transactions transactions, TimeProvider time)
{
    // A third of the time after which an agent counts as stale (bus-api.md: 60 s), so that one lost beat is no alarm.
    private const int HeartbeatSeconds = 20;

    private const int MostCapabilities = 200;

    /// <summary>Registers an agent and makes its key.</summary>
    /// <exception cref="ConflictException"><c>name_taken</c>.</exception>
    public Task<Outcome<RegisteredAgent>> ExecuteAsync(
        RegisterAgentRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.RegisterAgents);
        new FieldErrors()
            .Add("name", TextRules.Name(request.Name))
            .Add("kind", TextRules.Name(request.Kind))
            .Add("capabilities", TextRules.NameList(request.Capabilities, MostCapabilities))
            .Add("host", TextRules.OptionalName(request.Host))
            .Add("surface", TextRules.OptionalName(request.Surface))
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            var name = request.Name.Trim();
            var capabilities = (request.Capabilities ?? []).Select(c => c.Trim()).Distinct(StringComparer.Ordinal).ToArray();
            await AddActor.ExecuteAsync(unit, id, name, Role.AgentRuntime, ct);
            await DefinedAgents.InsertAsync(
                unit, new Agent { Id = id, Name = name, Kind = request.Kind.Trim(), Capabilities = capabilities, Host = request.Host, Surface = request.Surface }, ct);
            var issued = await IssueKey.ExecuteAsync(unit, id, time, ct);
            return new RegisteredAgent(id, name, request.Kind.Trim(), capabilities, request.Host, request.Surface, issued.Key, HeartbeatSeconds);
        }, cancellationToken);
    }
}
