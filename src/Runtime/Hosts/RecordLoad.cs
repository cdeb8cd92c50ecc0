using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Hosts;

/// <summary>Takes in what a host says of itself, in the transaction of its report.</summary>
public static class RecordLoad
{
    /// <summary>The load, which must be possible.</summary>
    /// <exception cref="ValidationException">It is not.</exception>
    public static void Require(HostLoad load) => new FieldErrors()
        .Add("load.cores", load.Cores is < 1 or > 65_536 ? "At least 1." : null)
        .Add("load.cpu_percent", load.CpuPercent is < 0 or > 100 ? "Between 0 and 100, of all cores together." : null)
        .Add("load.memory_mb", load.MemoryMb < 1 ? "At least 1." : null)
        .Add("load.memory_used_mb", load.MemoryUsedMb < 0 ? "Not below 0." : null)
        .Add("load.disk_mb", load.DiskMb < 0 ? "Not below 0." : null)
        .Add("load.disk_free_mb", load.DiskFreeMb < 0 ? "Not below 0." : null)
        .ThrowIfAny();

    /// <summary>Keeps the load, and has the host counted as online if it was not.</summary>
    /// <returns>The host as it is now. One that has left stays so until another start of its runner reports.</returns>
    public static async Task<HeldHost> WithinAsync(UnitOfWork unit, Guid host, HostReport report, CancellationToken cancellationToken)
    {
        var held = await HostStates.HoldAsync(unit, host, cancellationToken);
        if (held.State == HostState.Left && held.BootId == report.BootId)
        {
            return held;
        }

        await unit.ExecuteAsync(
            """
            update hosts set boot_id = @boot, version = @version, cores = @cores, cpu_percent = @cpu, memory_mb = @memory, memory_used_mb = @used,
                disk_mb = @disk, disk_free_mb = @free, last_report_at = clock_timestamp(), surface = @surface::text, labels = coalesce(@labels::text[], labels)
            where id = @id;
            -- Ten seconds apart at the least: what changes is reported at once, and would crowd a day's curve.
            insert into host_samples (host_id, at, cpu_percent, memory_used_mb, disk_free_mb, runtimes)
            select @id, clock_timestamp(), @cpu, @used, @free, @runtimes
            where not exists (select 1 from host_samples where host_id = @id and at > clock_timestamp() - interval '10 s')
            """,
            cancellationToken, ("id", host), ("boot", report.BootId), ("version", report.Version), ("cores", report.Load.Cores), ("cpu", report.Load.CpuPercent),
            ("memory", report.Load.MemoryMb), ("used", report.Load.MemoryUsedMb), ("surface", report.Surface), ("labels", report.Labels?.ToArray()), ("disk", report.Load.DiskMb), ("free", report.Load.DiskFreeMb),
            ("runtimes", report.Runtimes.Count(r => r.Phase is RuntimePhase.Observed or RuntimePhase.Ready)));
        return held.State is HostState.Invited or HostState.Lost or HostState.Left
            ? await HostStates.MoveAsync(unit, held, HostState.Online, null, cancellationToken)
            : held;
    }
}
