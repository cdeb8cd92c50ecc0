using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Tools;

/// <summary>A snapshot in the repository.</summary>
/// <param name="Id">restic's id of it.</param>
/// <param name="Time">When it was begun, by the clock of the machine that took it.</param>
/// <param name="Paths">What was taken.</param>
/// <param name="Tags">What it was marked with.</param>
public sealed record ResticSnapshot(string Id, DateTimeOffset Time, IReadOnlyList<string> Paths, IReadOnlyList<string>? Tags = null);

/// <summary>What an upload came to.</summary>
/// <param name="SnapshotId">The snapshot.</param>
/// <param name="DataAdded">Bytes that were new to the repository, before compression.</param>
/// <param name="TotalBytesProcessed">Bytes that were read.</param>
/// <param name="TotalDuration">Seconds.</param>
public sealed record ResticUpload(string SnapshotId, long DataAdded, long TotalBytesProcessed, decimal TotalDuration);

/// <summary>The repository, by way of the restic program (0.14 or newer): encrypted, deduplicated, and readable without this product.</summary>
public sealed class Restic(RecoverySettings settings, TimeProvider time)
{
    /// <summary>restic's words for a snapshot that does not have all that it was to have.</summary>
    private const int Incomplete = 3;

    // One host name for all, so that a snapshot's parent is found also after the machine was replaced.
    private const string Host = "control-center";

    // Snapshots that claim more than they have: none of them is counted, and the next to forget some forgets these too.
    private readonly ConcurrentDictionary<string, bool> _incomplete = new();

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    /// <summary>Makes the repository where there is none, and says whether it did.</summary>
    /// <exception cref="ToolException">It can be neither opened nor made: the storage is away, or the password is another.</exception>
    public async Task<bool> EnsureAsync(CancellationToken cancellationToken)
    {
        if (await IsThereAsync(cancellationToken))
        {
            return false;
        }

        Check("make the repository", await RunAsync(["init"], cancellationToken));
        return true;
    }

    /// <summary>Whether there is a repository. Anything but "there is nothing" is an error, and no reason to make one.</summary>
    /// <exception cref="ToolException">It cannot be said: the storage is away, or the password is another.</exception>
    public async Task<bool> IsThereAsync(CancellationToken cancellationToken)
    {
        var opened = await AskAsync(["cat", "config"], cancellationToken);
        return opened.ExitCode == 0
            || (ResticFaults.Of(opened.Error) == RepositoryFault.Missing ? false : throw Failed("open the repository", opened));
    }

    /// <summary>Takes locks away that a dead process left.</summary>
    public async Task UnlockAsync(CancellationToken cancellationToken) =>
        Check("remove stale locks", await AskAsync(["unlock"], cancellationToken));

    /// <summary>Uploads a folder as a snapshot.</summary>
    /// <param name="folder">Its path.</param>
    /// <param name="tags">What it is marked with; none has a comma.</param>
    /// <param name="hurry">How much it is in a hurry.</param>
    /// <param name="within">How long it may take; as long as it gets something done where null.</param>
    /// <param name="cancellationToken">Breaks it off; what was uploaded is found again by the next.</param>
    /// <exception cref="ToolException">It failed, or something could not be read.</exception>
    internal async Task<ResticUpload> BackupAsync(string folder, IEnumerable<string> tags, Hurry hurry, TimeSpan? within, CancellationToken cancellationToken)
    {
        ResticUpload? upload = null;
        var done = "";
        var run = Run(["backup", "--json", "--host", Host, .. tags.SelectMany(t => new[] { "--tag", t }), folder]) with
        {
            Hurry = hurry,
            Within = within,
            OnLine = line =>
            {
                var (told, now) = Told(line);
                upload = told ?? upload;
                return now != Interlocked.Exchange(ref done, now);
            },
        };
        var result = await ToolProcess.RunAsync(run, time, cancellationToken);
        if (result.ExitCode == Incomplete)
        {
            if (upload is not null)
            {
                _incomplete[upload.SnapshotId] = true;
            }

            throw new ToolException($"Something in {Path.GetFileName(folder)} could not be read, so the snapshot is not whole: {LastLine(result.Error)}", Incomplete);
        }

        Check("upload", result);
        return upload ?? throw new ToolException("restic ended well and named no snapshot.");
    }

    /// <summary>All snapshots, oldest first.</summary>
    public async Task<IReadOnlyList<ResticSnapshot>> SnapshotsAsync(CancellationToken cancellationToken)
    {
        var result = await AskAsync(["snapshots", "--json", "--no-lock"], cancellationToken);
        Check("list the snapshots", result);
        return [.. (JsonSerializer.Deserialize<List<ResticSnapshot>>(result.Output, Json) ?? []).Where(s => !_incomplete.Keys.Any(i => s.Id.StartsWith(i, StringComparison.Ordinal))).OrderBy(s => s.Time)];
    }

    /// <summary>Brings a snapshot's folder back, verified as it is written.</summary>
    /// <param name="snapshot">Which.</param>
    /// <param name="target">The folder that its absolute paths are put below.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task RestoreAsync(string snapshot, string target, CancellationToken cancellationToken)
    {
        // It says nothing while it writes, and nothing while it reads back what it wrote.
        var written = 0L;
        var run = Run(["restore", snapshot, "--target", target, "--verify", "--no-lock"]) with
        {
            Silence = TimeSpan.FromMinutes(30),
            Works = () => written < (written = SizeOf(target)),
        };
        Check("restore", await ToolProcess.RunAsync(run, time, cancellationToken));
    }

    /// <summary>How large a snapshot's files are once they are restored, in bytes.</summary>
    public async Task<long> SizeAsync(string snapshot, CancellationToken cancellationToken)
    {
        var result = await RunAsync(["stats", "--json", "--no-lock", "--mode", "restore-size", snapshot], cancellationToken);
        Check("measure a snapshot", result);
        using var stats = JsonDocument.Parse(result.Output);
        return stats.RootElement.GetProperty("total_size").GetInt64();
    }

    /// <summary>Brings the files of one name back out of a snapshot.</summary>
    /// <param name="snapshot">Which.</param>
    /// <param name="name">The files' name, without a path.</param>
    /// <param name="target">The folder that their absolute paths are put below.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task FetchAsync(string snapshot, string name, string target, CancellationToken cancellationToken) =>
        Check("fetch", await RunAsync(["restore", snapshot, "--target", target, "--include", name, "--no-lock"], cancellationToken));

    /// <summary>Forgets snapshots, and those that were found not to be whole. Their data stays until it is pruned.</summary>
    public async Task ForgetAsync(IReadOnlyCollection<string> snapshots, CancellationToken cancellationToken)
    {
        string[] all = [.. snapshots, .. _incomplete.Keys];
        if (all.Length > 0)
        {
            // A lock that a dead process left would refuse this; one of a living process stays.
            await UnlockAsync(cancellationToken);
            Check("forget snapshots", await RunAsync(["forget", .. all], cancellationToken));
            foreach (var snapshot in all)
            {
                _incomplete.TryRemove(snapshot, out _);
            }
        }
    }

    /// <summary>Removes data that no snapshot needs: all that is stored by itself, and as much of the rest as may be written anew for it.</summary>
    /// <param name="mostRepacked">How many bytes are written anew at the most.</param>
    /// <param name="cancellationToken">Breaks it off; nothing that is needed is lost.</param>
    /// <returns>What it came to; null where restic did not say so in words that are known.</returns>
    public async Task<PruneBite?> PruneAsync(long mostRepacked, CancellationToken cancellationToken)
    {
        await UnlockAsync(cancellationToken);
        var result = await RunAsync(["prune", "--max-repack-size", string.Create(CultureInfo.InvariantCulture, $"{mostRepacked >> 20}M")], cancellationToken);
        Check("prune", result);
        return PruneBite.Of(result.Output);
    }

    /// <summary>Reads the repository's structure and a share of its data, every byte of that share against its hash.</summary>
    /// <param name="part">Which share, from 1.</param>
    /// <param name="parts">Of how many; 1 for all.</param>
    /// <param name="structureRead">Is told once the structure was read: from then on additions are in nobody's way.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <exception cref="ToolException">Something is damaged or missing; the message says what.</exception>
    public async Task VerifyAsync(int part, int parts, Action? structureRead, CancellationToken cancellationToken)
    {
        // Without a lock, which would refuse all additions for as long as the data is read; RepositoryGate keeps them away while they matter.
        var said = new List<string>();
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var run = Run(["check", "--no-lock", parts == 1 ? "--read-data" : $"--read-data-subset={part}/{parts}"]) with
        {
            Hurry = Hurry.GivesWay,
            WaitedFor = read.Task,
            OnLine = line =>
            {
                if (line.StartsWith("read ", StringComparison.Ordinal))
                {
                    structureRead?.Invoke();
                    read.TrySetResult();
                }

                said.Add(line);
                return true;
            },
        };
        var ended = await ToolProcess.RunAsync(run, time, cancellationToken);
        var result = ended with { Output = string.Join('\n', said) };
        if (result.ExitCode != 0)
        {
            throw ResticFaults.Of(result.Error) is var fault and not RepositoryFault.Other
                ? new ToolException(ResticFaults.Sentence(fault, settings.PasswordFile, "read the repository", Summary(result)), result.ExitCode, fault)
                : new ToolException($"The repository is damaged: {Summary(result)}", result.ExitCode);
        }
    }

    private static long SizeOf(string folder) =>
        Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) : 0;

    private Task<ToolResult> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        ToolProcess.RunAsync(Run(arguments), time, cancellationToken);

    private Task<ToolResult> AskAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken) =>
        ToolProcess.RunAsync(Run(arguments) with { Within = settings.AnswerPatience }, time, cancellationToken);

    private ToolRun Run(IReadOnlyList<string> arguments) => new("restic", arguments)
    {
        Environment = Environment(),
        // Seen with a repository that takes connections and answers nothing: restic itself waits for ever.
        Silence = settings.TransferPatience,
    };

    private Dictionary<string, string> Environment()
    {
        var environment = new Dictionary<string, string>
        {
            ["RESTIC_REPOSITORY"] = settings.Repository,
            ["RESTIC_PASSWORD_FILE"] = settings.PasswordFile,
            ["RESTIC_CACHE_DIR"] = settings.CacheFolder,
            // A line of progress a second, also where nobody watches: silence is then a sign.
            ["RESTIC_PROGRESS_FPS"] = "1",
            ["HOME"] = settings.Folder,
            ["TMPDIR"] = settings.ScratchFolder,
        };
        foreach (var line in settings.CredentialsFile is { } file ? File.ReadLines(file) : [])
        {
            if (line.IndexOf('=', StringComparison.Ordinal) is > 0 and var at && !line.StartsWith('#'))
            {
                environment[line[..at].Trim()] = line[(at + 1)..].Trim();
            }
        }

        return environment;
    }

    // What it came to, if it has; and what tells one line of progress from the next but the time, which passes by itself.
    private static (ResticUpload? Upload, string Done) Told(string line)
    {
        if (!line.StartsWith('{'))
        {
            return (null, line);
        }

        using var told = JsonDocument.Parse(line);
        switch (told.RootElement.GetProperty("message_type").GetString())
        {
            case "summary":
                return (told.RootElement.Deserialize<ResticUpload>(Json), line);
            case "status":
                return (null, string.Join(' ', told.RootElement.EnumerateObject().Where(p => p.Name.EndsWith("_done", StringComparison.Ordinal)).Select(p => p.Value.GetRawText())));
            default:
                return (null, line);
        }
    }

    private void Check(string what, ToolResult result)
    {
        if (result.ExitCode != 0)
        {
            throw Failed(what, result);
        }
    }

    private ToolException Failed(string what, ToolResult result) =>
        new(ResticFaults.Sentence(ResticFaults.Of(result.Error), settings.PasswordFile, what, Summary(result)), result.ExitCode, ResticFaults.Of(result.Error));

    private static string Summary(ToolResult result)
    {
        var said = string.Join("; ", (result.Error.Length > 0 ? result.Error : result.Output).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(6));
        return said.Length == 0 ? $"exit code {result.ExitCode}" : said.Length > 1000 ? said[..1000] : said;
    }

    private static string LastLine(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "it did not say what";
}
