using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Hosts;

/// <summary>The host that runs beside the bus: always there, and never removed.</summary>
public sealed class LocalHost(Transactions transactions, CallerDirectory directory, TimeProvider time)
{
    /// <summary>Its name.</summary>
    public const string Name = "local";

    // Several buses may start at once.
    private const long Lock = 0x43435F4C4F43; // "CC_LOC"

    /// <summary>Sees to it that the local host is there.</summary>
    /// <returns>Its id.</returns>
    public Task<Guid> EnsureAsync(CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, (unit, ct) => EnsureAsync(unit, ct), cancellationToken);

    /// <summary>Gives the local host a new key in place of all that it has.</summary>
    /// <returns>Its id and the key, which is not kept.</returns>
    public async Task<(Guid HostId, string Key)> RenewKeyAsync(CancellationToken cancellationToken)
    {
        var renewed = await transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            var id = await EnsureAsync(unit, ct);
            await RevokeKeys.ExecuteAsync(unit, new Caller(id, Name, Role.HostRunner), "the bus started anew", ct);
            return (id, (await IssueKey.ExecuteAsync(unit, id, time, ct)).Key);
        }, cancellationToken);
        directory.Forget();
        return renewed;
    }

    private async Task<Guid> EnsureAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync($"select pg_advisory_xact_lock({Lock})", cancellationToken);
        await using var command = unit.Command("select id from hosts where is_local");
        return await command.ExecuteScalarAsync(cancellationToken) is Guid id ? id : await AddAsync(unit, cancellationToken);
    }

    private async Task<Guid> AddAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        // A service that somebody called "local" long before does not keep the bus from starting.
        await using var command = unit.Command("select exists (select 1 from actors where name = @name)", ("name", Name));
        var taken = (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
        return await CreateHost.AddAsync(unit, taken ? $"{Name}-{Guid.CreateVersion7(time.GetUtcNow()):N}" : Name, ["local"], isLocal: true, time, cancellationToken);
    }
}
