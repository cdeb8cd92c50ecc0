using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Storage.Invariants;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>There is nothing here to try the scenario on. The message says what is missing.</summary>
internal sealed class DrillNotPossibleException(string message) : Exception(message);

/// <summary>Something is not as it must be. The message says what.</summary>
internal sealed class DrillFailedException(string message) : Exception(message);

/// <summary>A drill under way: its steps, timed, and what was found.</summary>
/// <param name="id">Its id.</param>
/// <param name="isSample">Of an older base, drawn by lot.</param>
/// <param name="folder">A folder of its own, for all that it writes.</param>
/// <param name="log">Keeps the steps as they are taken.</param>
/// <param name="run">The run of its job; null where there is none.</param>
/// <param name="time">The clock.</param>
internal sealed class Drill(Guid id, bool isSample, string folder, DrillLog log, JobRun? run, TimeProvider time)
{
    // More than any scenario has: how far it is can be told only roughly.
    private const int StepsInAll = 12;

    private readonly List<DrillStep> _steps = [];
    private readonly List<string> _problems = [];
    private readonly List<string> _notes = [];

    public Guid Id { get; } = id;

    public bool IsSample { get; } = isSample;

    public string Folder { get; } = folder;

    public IReadOnlyList<DrillStep> Steps => _steps;

    public string? Problem => _problems.Count == 0 ? null : string.Join(" ", _problems);

    public string? Notes => _notes.Count == 0 ? null : string.Join(" ", _notes);

    public MarkedSnapshot? Snapshot { get; set; }

    public DateTimeOffset? RestoredTo { get; set; }

    public IReadOnlyList<TableVerdict> Tables { get; set; } = [];

    public IReadOnlyList<InvariantVerdict> Invariants { get; set; } = [];

    public decimal? LiveDriftPercent { get; set; }

    public TimeSpan? Freshness { get; set; }

    public bool PointInTimeTested { get; set; }

    public bool? CleanupProven { get; set; }

    /// <summary>Takes a step. What it throws is its failure, and the drill's.</summary>
    /// <param name="name">What is done.</param>
    /// <param name="priority">Its place in the order of recovery.</param>
    /// <param name="take">Does it and says what was found.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task StepAsync(string name, int? priority, Func<CancellationToken, Task<string>> take, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        await (run?.ProgressAsync(Math.Min(99, _steps.Count * 100 / StepsInAll), name, cancellationToken) ?? Task.CompletedTask);
        try
        {
            await AddAsync(new DrillStep(name, priority, DrillStepState.Passed, await take(cancellationToken), Since(began)), cancellationToken);
        }
        catch (Exception fault) when (fault is not (OperationCanceledException or DrillNotPossibleException))
        {
            _problems.Add($"{name}: {fault.Message}");
            await AddAsync(new DrillStep(name, priority, DrillStepState.Failed, fault.Message, Since(began)), CancellationToken.None);
            throw;
        }
    }

    /// <summary>Takes note of a look at something: one that failed fails the drill, and does not keep it from looking further.</summary>
    public async Task CheckAsync(string name, int? priority, bool passed, string detail, CancellationToken cancellationToken)
    {
        if (!passed)
        {
            _problems.Add($"{name}: {detail}");
        }

        await AddAsync(new DrillStep(name, priority, passed ? DrillStepState.Passed : DrillStepState.Failed, detail, 0), cancellationToken);
    }

    /// <summary>Takes a look, timed; what it throws is its failure, and does not keep the drill from looking further.</summary>
    public async Task LookAsync(string name, int? priority, Func<CancellationToken, Task<string>> look, CancellationToken cancellationToken)
    {
        try
        {
            await StepAsync(name, priority, look, cancellationToken);
        }
        catch (Exception fault) when (fault is DrillFailedException or HttpRequestException or System.Text.Json.JsonException)
        {
            // It is in the steps and in the problems already.
            return;
        }
    }

    /// <summary>Leaves something out, and says why.</summary>
    public Task SkipAsync(string name, int? priority, string why, CancellationToken cancellationToken) =>
        AddAsync(new DrillStep(name, priority, DrillStepState.Skipped, why, 0), cancellationToken);

    /// <summary>Adds something that is worth knowing.</summary>
    public void Note(string text) => _notes.Add(text);

    /// <summary>Adds a reason for which the drill has failed.</summary>
    public void Fail(string problem) => _problems.Add(problem);

    private decimal Since(long began) => Math.Round((decimal)time.GetElapsedTime(began).TotalSeconds, 3);

    private async Task AddAsync(DrillStep step, CancellationToken cancellationToken)
    {
        _steps.Add(step);
        await log.KeepStepsAsync(Id, _steps, cancellationToken);
        await (run?.LogAsync(string.Create(CultureInfo.InvariantCulture, $"{step.Name}: {step.State.ToString().ToLowerInvariant()} in {step.Seconds:0.0} s. {step.Detail}"), cancellationToken) ?? Task.CompletedTask);
    }
}
