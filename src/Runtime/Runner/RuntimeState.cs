using System.Text.Json;
using System.Text.Json.Serialization;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>What is kept of a runtime, so that the next runner finds it again.</summary>
internal sealed record RuntimeState
{
    /// <summary>Which.</summary>
    public required Guid RuntimeId { get; init; }

    /// <summary>The token of its slot's lease.</summary>
    public required long FencingToken { get; init; }

    /// <summary>The adapter that understands it.</summary>
    public required string Adapter { get; init; }

    /// <summary>Its limits.</summary>
    public required AgentLimits Limits { get; init; }

    /// <summary>It says nothing when it is ready.</summary>
    public bool ReadyWhenObserved { get; init; }

    /// <summary>It is to be ended when its task is over.</summary>
    public bool EndsWithTask { get; init; }

    /// <summary>It can be written to.</summary>
    public bool HasInput { get; init; }

    /// <summary>It is run in a terminal.</summary>
    public bool HasTerminal { get; init; }

    /// <summary>The number of the last input that was typed into it.</summary>
    public long LastInput { get; init; }

    /// <summary>Inputs that were typed and are still ordered.</summary>
    public IReadOnlyList<Guid> Typed { get; init; } = [];

    /// <summary>What its output must not show.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>Where it works; null before there is a place.</summary>
    public Workspace? Workspace { get; init; }

    /// <summary>What is run when it has ended.</summary>
    public IReadOnlyList<AgentHook> EndHooks { get; init; } = [];

    /// <summary>Its first process; null before it was started.</summary>
    public ProcessIdentity? Process { get; init; }

    /// <summary>In which boot of the machine.</summary>
    public string? BootId { get; init; }

    /// <summary>How far it has come.</summary>
    public RuntimePhase Phase { get; init; } = RuntimePhase.Granted;

    /// <summary>It is held still by us.</summary>
    public bool Paused { get; init; }

    /// <summary>As what it is being ended; null while it is not.</summary>
    public RuntimeEnd? EndAs { get; init; }

    /// <summary>Why.</summary>
    public string? EndReason { get; init; }

    /// <summary>How it gets on.</summary>
    public ProgressReading Progress { get; init; } = new();

    /// <summary>How many turns had ended when it was told that its task is not over; null where it was not.</summary>
    public int? NudgedAtTurn { get; init; }

    /// <summary>The most memory that its tree was seen to have.</summary>
    public int PeakMemoryMb { get; init; }

    /// <summary>Lines that were not kept by earlier runners.</summary>
    public long DroppedLines { get; init; }

    /// <summary>Interventions that have taken effect and are still ordered.</summary>
    public IReadOnlyList<Guid> Effective { get; init; } = [];

    /// <summary>How it ended.</summary>
    public RuntimeEnd? End { get; init; }

    /// <summary>With which code.</summary>
    public int? ExitCode { get; init; }

    /// <summary>Why, in words.</summary>
    public string? Detail { get; init; }
}

/// <summary>A runtime's folder.</summary>
/// <param name="path">Where it is.</param>
internal sealed class RuntimeFolder(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Where it is.</summary>
    public string Path { get; } = path;

    /// <summary>The program's input.</summary>
    public string In => System.IO.Path.Combine(Path, "in");

    /// <summary>Its output.</summary>
    public string Out => System.IO.Path.Combine(Path, "out");

    /// <summary>Its errors.</summary>
    public string Error => System.IO.Path.Combine(Path, "err");

    /// <summary>What is run in its terminal, where it has one.</summary>
    public string Terminal => System.IO.Path.Combine(Path, "terminal");

    /// <summary>What of it waits for the bus.</summary>
    public string Spool => System.IO.Path.Combine(Path, "spool");

    private string StateFile => System.IO.Path.Combine(Path, "state.json");

    /// <summary>Makes the folder and its pipes.</summary>
    public void Make()
    {
        Directory.CreateDirectory(Path, OwnerOnly);
        foreach (var pipe in (string[])[In, Out, Error])
        {
            Shim.MakePipe(pipe);
        }
    }

    /// <summary>Writes the state, whole or not at all.</summary>
    public void Save(RuntimeState state)
    {
        var unfinished = StateFile + ".tmp";
        using (var file = new FileStream(unfinished, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            JsonSerializer.Serialize(file, state, RunnerJson.Options);
        }

        File.Move(unfinished, StateFile, overwrite: true);
    }

    /// <summary>Reads the state; null where none was written, or none that can be read.</summary>
    public RuntimeState? Load()
    {
        try
        {
            using var file = File.OpenRead(StateFile);
            return JsonSerializer.Deserialize<RuntimeState>(file, RunnerJson.Options);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            // A start that was cut off before anything was written, or a machine that lost its power while it was.
            return null;
        }
    }

    /// <summary>Removes all of it.</summary>
    public void Remove()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}

/// <summary>JSON between a runner and its bus, and its own files: as on the wire, but fields that a newer version has added are passed over.</summary>
internal static class RunnerJson
{
    public static readonly JsonSerializerOptions Options = Create();

    private static JsonSerializerOptions Create()
    {
        var options = new JsonSerializerOptions();
        WireJson.Configure(options);
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip;
        options.RespectRequiredConstructorParameters = false;
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
