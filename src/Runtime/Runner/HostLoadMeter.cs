using System.Globalization;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>Measures this machine, or the part of it that this process's control group may use.</summary>
/// <param name="folder">A folder on the disk that is told of.</param>
/// <param name="root">Where <c>proc</c> and <c>sys</c> are.</param>
public sealed class HostLoadMeter(string folder, string root = "/")
{
    private const long Megabyte = 1024 * 1024;

    private (long Busy, long All) _before;

    /// <summary>Measures now; the processor since the time before.</summary>
    public HostLoad Measure()
    {
        var (total, used) = Memory();
        var disk = new DriveInfo(folder);
        return new HostLoad(
            Environment.ProcessorCount, Processor(), (int)(total / Megabyte), (int)(used / Megabyte),
            (int)(disk.TotalSize / Megabyte), (int)(disk.AvailableFreeSpace / Megabyte));
    }

    // The first line of /proc/stat: user nice system idle iowait irq softirq steal (proc(5)).
    private decimal Processor()
    {
        var fields = File.ReadLines(Path.Combine(root, "proc/stat")).First().Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1).Take(8).Select(f => long.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        var all = fields.Sum();
        var busy = all - fields[3] - fields[4];
        var (busyBefore, allBefore) = _before;
        _before = (busy, all);
        return all == allBefore ? 0 : Math.Round(Math.Clamp((decimal)(busy - busyBefore) * 100 / (all - allBefore), 0, 100), 1);
    }

    private (long Total, long Used) Memory()
    {
        long total = 0, available = 0;
        foreach (var line in File.ReadLines(Path.Combine(root, "proc/meminfo")))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, var kilobytes, ..])
            {
                total = name == "MemTotal:" ? long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024 : total;
                available = name == "MemAvailable:" ? long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024 : available;
            }
        }

        var used = total - available;
        foreach (var (limitFile, usedFile) in Groups())
        {
            // A container's own share, where it has one: what it may use and does, the cache that can be given up not counted.
            if (NumberIn(limitFile) is { } limit && limit < total && NumberIn(usedFile) is { } current)
            {
                (total, used) = (limit, Math.Max(0, current - CacheIn(Path.Combine(Path.GetDirectoryName(usedFile)!, "memory.stat"))));
            }
        }

        return (total, used);
    }

    private IEnumerable<(string Limit, string Used)> Groups()
    {
        // Version 2 and version 1; in a container its own group is at the root.
        var mounted = Path.Combine(root, "sys/fs/cgroup");
        yield return (Path.Combine(mounted, "memory.max"), Path.Combine(mounted, "memory.current"));
        yield return (Path.Combine(mounted, "memory/memory.limit_in_bytes"), Path.Combine(mounted, "memory/memory.usage_in_bytes"));
    }

    private static long? NumberIn(string file) =>
        File.Exists(file) && long.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static long CacheIn(string file) => !File.Exists(file) ? 0
        : File.ReadLines(file).Select(line => line.Split(' ')).Where(f => f is ["inactive_file" or "total_inactive_file", _])
            .Select(f => long.Parse(f[1], CultureInfo.InvariantCulture)).LastOrDefault();
}
