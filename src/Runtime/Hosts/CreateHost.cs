using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Hosts;

/// <summary>A machine that is to run agents.</summary>
/// <param name="Name">Unique on this bus; 1 to 200 characters.</param>
/// <param name="Labels">What definitions may ask for; at the most 50.</param>
public sealed record CreateHostRequest(string Name, string[]? Labels = null);

/// <summary>The host, with its key, which is never shown again.</summary>
/// <param name="HostId">Also the id of its actor.</param>
/// <param name="Name">Its name.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="Key">With which it reports.</param>
/// <param name="Command">What to run on that machine; <c>URL</c> is the bus as reached from there.</param>
public sealed record CreatedHost(Guid HostId, string Name, IReadOnlyList<string> Labels, string Key, string Command) : ICarriesSecret;

/// <summary>Lets a machine in. One that was removed comes back under its name, with a new key.</summary>
public sealed class CreateHost(Transactions transactions, TimeProvider time)
{
    /// <summary>How many labels a host may have.</summary>
    public const int MostLabels = 50;

    /// <summary>Adds the host and makes its key.</summary>
    /// <exception cref="ConflictException"><c>name_taken</c>.</exception>
    public Task<Outcome<CreatedHost>> ExecuteAsync(
        CreateHostRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageHosts);
        new FieldErrors()
            .Add("name", TextRules.Name(request.Name))
            .Add("labels", TextRules.NameList(request.Labels, MostLabels))
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var name = request.Name.Trim();
            string[] labels = [.. (request.Labels ?? []).Select(l => l.Trim()).Distinct(StringComparer.Ordinal)];
            var id = await ReviveAsync(unit, name, labels, ct) ?? await AddAsync(unit, name, labels, isLocal: false, time, ct);
            await AuditLog.WriteAsync(unit, time, "host.created", $"host:{id}", new { Name = name, Labels = labels }, ct);
            var issued = await IssueKey.ExecuteAsync(unit, id, time, ct);
            return new CreatedHost(id, name, labels, issued.Key, $"./devxio host join --bus URL --key {issued.Key}");
        }, cancellationToken);
    }

    /// <summary>Adds a host and its actor, without a key.</summary>
    internal static async Task<Guid> AddAsync(UnitOfWork unit, string name, string[] labels, bool isLocal, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        await AddActor.ExecuteAsync(unit, id, name, Role.HostRunner, cancellationToken);
        await unit.ExecuteAsync(
            "insert into hosts (id, name, labels, state, is_local) values (@id, @name, @labels, 'invited', @local)",
            cancellationToken, ("id", id), ("name", name), ("labels", labels), ("local", isLocal));
        unit.Record("runtime.host_invited", ("host", id.ToString()), new { HostId = id, Name = name, Labels = labels, IsLocal = isLocal });
        return id;
    }

    private static async Task<Guid?> ReviveAsync(UnitOfWork unit, string name, string[] labels, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            update hosts set removed_at = null, state = 'invited', labels = @labels, boot_id = null, state_at = clock_timestamp()
            where name = @name and removed_at is not null returning id
            """,
            ("name", name), ("labels", labels));
        if (await command.ExecuteScalarAsync(cancellationToken) is not Guid id)
        {
            return null;
        }

        unit.Record("runtime.host_invited", ("host", id.ToString()), new { HostId = id, Name = name, Labels = labels, IsLocal = false });
        return id;
    }
}
