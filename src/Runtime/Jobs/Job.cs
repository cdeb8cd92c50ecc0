using ControlCenter.Domain.Jobs;

namespace ControlCenter.Runtime.Jobs;

/// <summary>
/// Work that the host does by itself at its times. A plain class: what it needs comes in by its constructor, and it is one of a host's
/// jobs by being registered as <see cref="Job"/>.
/// </summary>
public abstract class Job
{
    /// <summary>Its name, for good: it is in the database and in addresses (<c>trim-history</c>).</summary>
    public abstract string Name { get; }

    /// <summary>What it is called.</summary>
    public abstract string Title { get; }

    /// <summary>What it does, in a sentence or two.</summary>
    public abstract string Description { get; }

    /// <summary>When it runs until the founder says otherwise: a cron expression of five fields, in the host's time zone; <see cref="ScheduleWords.OnRequest"/> for never by itself.</summary>
    public abstract string DefaultCron { get; }

    /// <summary>What becomes of the slots that passed while no host ran, until the founder says otherwise.</summary>
    public abstract MissedRuns DefaultMissedRuns { get; }

    /// <summary>How often and how fast it is tried again.</summary>
    public virtual RetryRules Retries => new(2, TimeSpan.FromMinutes(1));

    /// <summary>An attempt that takes longer is ended, and has failed.</summary>
    public virtual TimeSpan Timeout => TimeSpan.FromMinutes(30);

    /// <summary>Whether somebody may end it in the middle.</summary>
    public virtual bool IsCancellable => true;

    /// <summary>Whether it can be run dry: <see cref="JobRun.IsDry"/> then asks for what it would do, and it changes nothing.</summary>
    public virtual bool CanRunDry => false;

    /// <summary>Does it. What it throws is its failure; <see cref="JobRefusedException"/> is one that another attempt would not mend.</summary>
    /// <param name="run">The run: where its log, its progress and the proof of its lease are.</param>
    /// <param name="cancellationToken">Its end: it was cancelled, took too long, lost its lease, or its host stops.</param>
    public abstract Task ExecuteAsync(JobRun run, CancellationToken cancellationToken);
}

/// <summary>A failure that another attempt would not mend: something is missing, or what was looked at is not as it must be.</summary>
public sealed class JobRefusedException(string message) : Exception(message);

/// <summary>How runs are held.</summary>
/// <param name="Lease">How long a host that says nothing keeps a run: past it, another takes over.</param>
/// <param name="RenewEvery">How often it says that it is there; also how soon it hears of a cancellation.</param>
/// <param name="LookEvery">How often a host looks for what is due, where nothing wakes it.</param>
/// <param name="MostAtOnce">How many runs a host has at once.</param>
public sealed record JobOptions(TimeSpan Lease, TimeSpan RenewEvery, TimeSpan LookEvery, int MostAtOnce)
{
    /// <summary>Ten chances to renew before a run is lost; at the most four jobs beside what the host is there for.</summary>
    public static readonly JobOptions Default = new(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(1), 4);
}

/// <summary>This host, as the holder of runs.</summary>
/// <param name="Id">New with every start.</param>
/// <param name="Name">For people: machine and process.</param>
public sealed record JobHolder(Guid Id, string Name)
{
    /// <summary>This process.</summary>
    public static JobHolder New(TimeProvider time) => new(Domain.Ids.Uuid7.New(time), $"{Environment.MachineName}:{Environment.ProcessId}");
}

/// <summary>The jobs of this host, by name.</summary>
public sealed class RegisteredJobs(IEnumerable<Job> jobs)
{
    private readonly SortedDictionary<string, Job> _byName = new(jobs.ToDictionary(j => j.Name), StringComparer.Ordinal);

    /// <summary>All of them, by name.</summary>
    public IReadOnlyCollection<Job> All => _byName.Values;

    /// <summary>Their names.</summary>
    public string[] Names => [.. _byName.Keys];

    /// <summary>One of them; null for one that there is not, or no longer.</summary>
    public Job? Find(string name) => _byName.GetValueOrDefault(name);
}
