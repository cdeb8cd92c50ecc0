using System.Globalization;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Jobs;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Holds a drill: its steps, the removal of all that it wrote, and its record, however it ends (blueprint 10.8).</summary>
public sealed partial class RunDrill : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly DrillLog _log;
    private readonly NpgsqlDataSource _database;
    private readonly DrillFile _file;
    private readonly Dictionary<DrillScenario, IDrillProof> _proofs;
    private readonly RecoverySettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger<RunDrill> _logger;

    internal RunDrill(
        DrillLog log, NpgsqlDataSource database, DrillFile file, IEnumerable<IDrillProof> proofs, RecoverySettings settings, TimeProvider time, ILogger<RunDrill> logger)
    {
        (_log, _database, _file, _settings, _time, _logger) = (log, database, file, settings, time, logger);
        _proofs = proofs.ToDictionary(p => p.Scenario);
    }

    /// <summary>Holds one; of several at once, one after the other.</summary>
    /// <param name="scenario">What to prove.</param>
    /// <param name="isSample">Of an older base, drawn by lot.</param>
    /// <param name="executor">Who holds it.</param>
    /// <param name="run">The run of its job; null where there is none.</param>
    /// <param name="cancellationToken">Breaks it off; what it wrote is removed all the same.</param>
    /// <returns>Its record.</returns>
    /// <exception cref="ConflictException">The last one failed, and its root cause is not recorded.</exception>
    public async Task<RestoreDrillView> ExecuteAsync(DrillScenario scenario, bool isSample, string executor, JobRun? run, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var began = _time.GetTimestamp();
            var id = await _log.BeginAsync(scenario, isSample, executor, run?.RunId, cancellationToken);
            var folder = await DrillScratch.MakeAsync(_settings, id, _time, cancellationToken);
            var drill = new Drill(id, isSample, folder, _log, run, _time);
            var state = await ProveAsync(drill, scenario, cancellationToken);
            state = await CleanUpAsync(drill, state);
            var took = _time.GetElapsedTime(began);
            if (state == DrillState.Passed && took > DrillRules.MostDuration)
            {
                drill.Fail(string.Create(CultureInfo.InvariantCulture, $"It took {took.TotalMinutes:0.0} minutes; at the most {DrillRules.MostDuration.TotalMinutes:0} are allowed."));
                state = DrillState.Failed;
            }

            // Recorded also when the host stops: a drill that has not passed is never shown as one that may have.
            await _log.EndAsync(drill, scenario, state, took, _time.GetUtcNow(), CancellationToken.None);
            await using var connection = await _database.OpenConnectionAsync(CancellationToken.None);
            var record = (await DrillQueries.FindAsync(connection, id, CancellationToken.None))!.Drill;
            await _file.WriteAsync(record, CancellationToken.None);
            return record;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private async Task<DrillState> ProveAsync(Drill drill, DrillScenario scenario, CancellationToken cancellationToken)
    {
        try
        {
            await _proofs[scenario].ExecuteAsync(drill, cancellationToken);
            return drill.Problem is null ? DrillState.Passed : DrillState.Failed;
        }
        catch (DrillNotPossibleException missing)
        {
            drill.Fail(missing.Message);
            return DrillState.NotPossible;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            drill.Fail("It was broken off.");
            return DrillState.BrokenOff;
        }
#pragma warning disable CA1031 // Whatever it was, the restore is not proven, and that is what the record, the alert and the next drill are about.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogFailed(_logger, scenario, drill.Id, fault);
            if (drill.Problem is null)
            {
                drill.Fail(fault.Message);
            }

            return DrillState.Failed;
        }
    }

    private async Task<DrillState> CleanUpAsync(Drill drill, DrillState state)
    {
        try
        {
            await drill.StepAsync("clean up, and look whether anything is left", null, async ct =>
            {
                var left = await DrillScratch.RemoveAsync(drill.Folder, _time, ct);
                return left.Count == 0 ? "no folder, no process and no socket of the drill is left" : throw new DrillFailedException($"left: {string.Join(", ", left)}");
            }, CancellationToken.None);
            drill.CleanupProven = true;
            return state;
        }
        catch (Exception fault) when (fault is DrillFailedException or IOException or UnauthorizedAccessException)
        {
            LogLeft(_logger, drill.Id, fault);
            drill.CleanupProven = false;
            return state == DrillState.Passed ? DrillState.Failed : state;
        }
    }

    [LoggerMessage(EventId = 1940, Level = LogLevel.Error, Message = "The drill of {Scenario} {Drill} has failed")]
    private static partial void LogFailed(ILogger logger, DrillScenario scenario, Guid drill, Exception fault);

    [LoggerMessage(EventId = 1941, Level = LogLevel.Error, Message = "The drill {Drill} has left something behind")]
    private static partial void LogLeft(ILogger logger, Guid drill, Exception fault);
}
