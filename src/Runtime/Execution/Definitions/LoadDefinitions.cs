using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Execution.Definitions;

/// <summary>
/// Keeps the definitions what the folder says: each file is taken as a whole or not at all. A bad one is reported, and what was there before goes on
/// being used; a definition whose file is taken away is removed.
/// </summary>
public sealed partial class LoadDefinitions(
    DefinitionFolder folder, SaveDefinition save, RemoveDefinition remove, Transactions transactions, TimeProvider time, ILogger<LoadDefinitions> logger)
    : SupervisedService("agent-definitions", time, logger)
{
    // What the system does not tell of: network folders, a mount that was put over the folder.
    private static readonly TimeSpan LookAnyway = TimeSpan.FromSeconds(30);

    // What each file said when it was looked at last, and what was wrong with it; a host that starts looks at all of them.
    private readonly Dictionary<string, (string Text, string? Problem)> _seen = new(StringComparer.Ordinal);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => LookAnyway * 3;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        _seen.Clear();
        while (true)
        {
            // Before the look: what changes during it is told afterwards.
            using var changes = new FolderChanges(folder.Path, Time);
            Beat(await LoadAsync(stoppingToken));
            await changes.WaitAsync(LookAnyway, stoppingToken);
        }
    }

    private async Task<string> LoadAsync(CancellationToken cancellationToken)
    {
        if (folder.Files() is not { } files)
        {
            return "the folder cannot be read; what was loaded before stays";
        }

        var loaded = folder.ReadLedger();
        var before = loaded.ToDictionary(StringComparer.Ordinal);
        foreach (var file in files)
        {
            await LoadAsync(file, loaded, cancellationToken);
        }

        foreach (var gone in loaded.Keys.Except(files, StringComparer.Ordinal).ToList())
        {
            loaded.Remove(gone, out var name);
            _seen.Remove(gone);
            await RemoveAsync(name!, loaded, cancellationToken);
        }

        if (!before.OrderBy(e => e.Key).SequenceEqual(loaded.OrderBy(e => e.Key)))
        {
            folder.WriteLedger(loaded);
        }

        var bad = _seen.Count(s => s.Value.Problem is not null);
        return bad == 0 ? $"{files.Count} files" : $"{files.Count} files, {bad} of them refused";
    }

    private async Task LoadAsync(string file, Dictionary<string, string> loaded, CancellationToken cancellationToken)
    {
        var text = "";
        try
        {
            text = await folder.ReadAsync(file, cancellationToken);
            if (_seen.TryGetValue(file, out var seen) && seen.Text == text && !IsHeldBack(seen.Problem))
            {
                return;
            }

            var definition = DefinitionFile.Parse(text, file);
            if (loaded.FirstOrDefault(other => other.Key != file && other.Value == definition.Name && File.Exists(Path.Combine(folder.Path, other.Key))).Key is { } twin)
            {
                throw new DefinitionFileException($"The name '{definition.Name}' {TakenBy} {twin}.");
            }

            var saved = await save.ExecuteAsync(definition, DefinitionSource.File, file, Caller.Host, cancellationToken);
            var renamed = loaded.TryGetValue(file, out var earlier) && earlier != saved.Name ? earlier : null;
            loaded[file] = saved.Name;
            _seen[file] = (text, null);
            if (renamed is not null)
            {
                await RemoveAsync(renamed, loaded, cancellationToken);
            }

            if (saved.Changed)
            {
                LogLoaded(Logger, saved.Name, saved.Version, file);
            }
        }
        catch (Exception fault) when (fault is DefinitionFileException or DomainException)
        {
            if (!_seen.TryGetValue(file, out var seen) || seen.Problem != fault.Message)
            {
                LogRefused(Logger, file, fault.Message);
                await ReportAsync(file, fault.Message, loaded.ContainsKey(file), cancellationToken);
            }

            _seen[file] = (text, fault.Message);
        }
    }

    private const string TakenBy = "is already that of the file";

    // Another file's name may have become free since.
    private static bool IsHeldBack(string? problem) => problem?.Contains(TakenBy, StringComparison.Ordinal) == true;

    private async Task ReportAsync(string file, string problem, bool isKnown, CancellationToken cancellationToken)
    {
        await save.NoteProblemAsync(file, problem, Caller.Host, cancellationToken);
        if (!isKnown)
        {
            // There is no definition that it could stand with: the log is where it is told.
            await transactions.RunAsync(Caller.Host, (unit, _) =>
            {
                unit.Record("agent.definition_refused", ("agent_definition", ""), new { Path = file, Problem = problem });
                return Task.FromResult(true);
            }, cancellationToken);
        }
    }

    private async Task RemoveAsync(string name, Dictionary<string, string> loaded, CancellationToken cancellationToken)
    {
        // Renamed, not removed: another file has it now.
        if (loaded.ContainsValue(name))
        {
            return;
        }

        try
        {
            await remove.ExecuteAsync(name, DefinitionSource.File, Caller.Host, cancellationToken);
            LogRemoved(Logger, name);
        }
        catch (NotFoundException)
        {
            // Another host was first.
        }
    }

    [LoggerMessage(EventId = 2301, Level = LogLevel.Information, Message = "Agent definition {Definition}: version {Version} loaded from {File}")]
    private static partial void LogLoaded(ILogger logger, string definition, int version, string file);

    [LoggerMessage(EventId = 2302, Level = LogLevel.Warning, Message = "The file {File} is no agent definition, and what it said before stays: {Problem}")]
    private static partial void LogRefused(ILogger logger, string file, string problem);

    [LoggerMessage(EventId = 2303, Level = LogLevel.Information, Message = "Agent definition {Definition} removed: its file is gone")]
    private static partial void LogRemoved(ILogger logger, string definition);
}
