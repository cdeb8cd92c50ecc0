using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Hosting;

/// <summary>Tells of a start with another version than the last one: what costs or fails from then on may come from it.</summary>
public sealed class RecordDeployment(Transactions transactions, TimeProvider time)
{
    /// <summary>The event that tells of it.</summary>
    public const string Deployed = "runtime.deployed";

    private const long Lock = 0x43435F4445504C; // "CC_DEPL"

    /// <summary>Records that this version runs now, unless it is the one that was recorded last. Returns whether it was another.</summary>
    /// <param name="version">As built: <c>0.1.0</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<bool> ExecuteAsync(string version, CancellationToken cancellationToken) => transactions.RunAsync(Caller.Host, async (unit, ct) =>
    {
        // Hosts that are updated together tell of it once.
        await unit.ExecuteAsync($"select pg_advisory_xact_lock({Lock})", ct);
        await using var last = unit.Command("select version from deployments order by at desc, id desc limit 1");
        var before = await last.ExecuteScalarAsync(ct) as string;
        if (before == version)
        {
            return false;
        }

        await unit.ExecuteAsync("insert into deployments (id, version) values (@id, @version)", ct, ("id", Uuid7.New(time)), ("version", version));
        unit.Record(Deployed, ("host", ""), new { Version = version, Before = before });
        return true;
    }, cancellationToken);
}
