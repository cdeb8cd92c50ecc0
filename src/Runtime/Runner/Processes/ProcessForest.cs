namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>
/// Which processes belong to which runtime: its session, the descendants, and whatever carries its id in the environment. Who belonged
/// once belongs for good, so that a child whose parent died, or that left the session, is still known.
/// </summary>
/// <remarks>Not safe for threads: the supervisor's one loop owns it.</remarks>
internal sealed class ProcessForest
{
    // A chain of parents longer than this is a loop in what was read while it changed.
    private const int DeepestDescent = 512;

    // Nobody takes so long to become another program; what has nothing in its environment for longer, as threads of the kernel, never will.
    private const double LongestStartSeconds = 10;

    private readonly Dictionary<Guid, ProcessTree> _trees = [];

    // Environments that were looked at: read once a process, for they do not change without a start of another program by a member.
    private HashSet<ProcessIdentity> _strangers = [];

    // Those in whose environment there was nothing, and since when: one that is just becoming another program has none for a moment.
    private Dictionary<ProcessIdentity, double> _blank = [];

    /// <summary>Follows a runtime from its first process on.</summary>
    public ProcessTree Plant(Guid runtimeId, ProcessIdentity? leader)
    {
        var tree = new ProcessTree(leader);
        _trees[runtimeId] = tree;

        // Who was nobody's may be its.
        _strangers.Clear();
        _blank.Clear();
        return tree;
    }

    /// <summary>Forgets a runtime.</summary>
    public void Fell(Guid runtimeId) => _trees.Remove(runtimeId);

    /// <summary>Looks at everything that runs.</summary>
    /// <param name="timestamp">When, in seconds of a monotonic clock.</param>
    public void Look(double timestamp)
    {
        if (_trees.Count == 0)
        {
            return;
        }

        var table = ProcessTable.Read();
        var byPid = new Dictionary<int, ProcessEntry>(table.Count);
        foreach (var entry in table)
        {
            byPid[entry.Pid] = entry;
        }

        var owners = new Dictionary<int, ProcessTree?>(table.Count);
        var sessions = new Dictionary<int, ProcessTree>();
        foreach (var tree in _trees.Values)
        {
            tree.Begin();
            foreach (var known in tree.Known)
            {
                if (byPid.TryGetValue(known.Pid, out var entry) && entry.Identity == known)
                {
                    owners[known.Pid] = tree;

                    // A session's number is its own only as long as somebody of it is there.
                    sessions[entry.Session] = tree;
                }
            }
        }

        // The runner's own session holds strangers: whoever is in it belongs by descent or by its environment only.
        if (byPid.TryGetValue(Environment.ProcessId, out var self))
        {
            sessions.Remove(self.Session);
        }

        var strangers = new HashSet<ProcessIdentity>(_strangers.Count);
        var blank = new Dictionary<ProcessIdentity, double>(_blank.Count);
        foreach (var entry in table)
        {
            var owner = OwnerOf(entry, byPid, owners, sessions, 0);
            if (owner is null && !entry.HasEnded)
            {
                var isBlank = false;
                owner = _strangers.Contains(entry.Identity) ? null : Marked(entry, out isBlank);
                owners[entry.Pid] = owner;
                if (isBlank && timestamp - (blank[entry.Identity] = _blank.GetValueOrDefault(entry.Identity, timestamp)) < LongestStartSeconds)
                {
                    continue;
                }

                if (owner is null)
                {
                    strangers.Add(entry.Identity);
                }
            }

            owner?.Take(entry);
        }

        (_strangers, _blank) = (strangers, blank);
        foreach (var tree in _trees.Values)
        {
            tree.Finish(timestamp);
        }
    }

    private static ProcessTree? OwnerOf(
        ProcessEntry entry, Dictionary<int, ProcessEntry> byPid, Dictionary<int, ProcessTree?> owners, Dictionary<int, ProcessTree> sessions, int depth)
    {
        if (owners.TryGetValue(entry.Pid, out var known))
        {
            return known;
        }

        var owner = sessions.TryGetValue(entry.Session, out var bySession) ? bySession
            : depth < DeepestDescent && entry.Parent > 1 && byPid.TryGetValue(entry.Parent, out var parent) ? OwnerOf(parent, byPid, owners, sessions, depth + 1)
            : null;
        owners[entry.Pid] = owner;
        return owner;
    }

    private ProcessTree? Marked(ProcessEntry entry, out bool isBlank) =>
        Guid.TryParse(ProcessTable.VariableOf(entry.Pid, AgentEnvironment.RuntimeIdVariable, out isBlank), out var id) && _trees.TryGetValue(id, out var tree) ? tree : null;
}

/// <summary>The processes of one runtime.</summary>
/// <param name="leader">Its first process; null where only the environment can tell.</param>
internal sealed class ProcessTree(ProcessIdentity? leader)
{
    private Dictionary<ProcessIdentity, long> _ticks = leader is { } first ? new() { [first] = 0 } : [];
    private Dictionary<ProcessIdentity, long> _before = [];
    private readonly List<ProcessEntry> _living = [];
    private double _lookedAt = double.NaN;

    /// <summary>Its first process.</summary>
    public ProcessIdentity? Leader { get; } = leader;

    /// <summary>Everyone who was of it at the look before.</summary>
    public IEnumerable<ProcessIdentity> Known => _before.Keys;

    /// <summary>Who lives, as of the last look.</summary>
    public IReadOnlyList<ProcessEntry> Living => _living;

    /// <summary>Resident memory of all of it.</summary>
    public long ResidentBytes { get; private set; }

    /// <summary>Processor used since the look before; 100 is one core.</summary>
    public decimal ProcessorPercent { get; private set; }

    /// <summary>Whether its first process lives.</summary>
    public bool LeaderLives { get; private set; }

    /// <summary>Sends a signal to all who live, or to those of them who are meant.</summary>
    public void Send(AgentSignal signal, Func<ProcessEntry, bool>? meant = null)
    {
        foreach (var entry in _living)
        {
            if (meant is null || meant(entry))
            {
                Signals.Send(entry.Identity, signal);
            }
        }
    }

    internal void Begin()
    {
        (_before, _ticks) = (_ticks, []);
        _living.Clear();
        ResidentBytes = 0;
        LeaderLives = false;
    }

    internal void Take(ProcessEntry entry)
    {
        _ticks[entry.Identity] = entry.ProcessorTicks;
        if (entry.HasEnded)
        {
            return;
        }

        _living.Add(entry);
        ResidentBytes += entry.ResidentBytes;
        LeaderLives |= entry.Identity == Leader;
    }

    internal void Finish(double timestamp)
    {
        var used = 0L;
        foreach (var (identity, ticks) in _ticks)
        {
            used += ticks - _before.GetValueOrDefault(identity);
        }

        // Looks that follow each other at once, as while something is being ended, are too short to tell a share.
        var elapsed = timestamp - _lookedAt;
        if (double.IsNaN(_lookedAt))
        {
            (_lookedAt, _carried) = (timestamp, 0);
        }
        else if (elapsed < ShortestShare)
        {
            _carried += used;
        }
        else
        {
            ProcessorPercent = Math.Round((decimal)((used + _carried) * 100.0 / ProcessTable.TicksPerSecond / elapsed), 1);
            (_lookedAt, _carried) = (timestamp, 0);
        }
    }

    private const double ShortestShare = 0.5;

    private long _carried;
}
