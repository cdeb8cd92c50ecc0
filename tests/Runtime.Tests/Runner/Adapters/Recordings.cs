using System.Runtime.CompilerServices;
using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Tests.Runner.Adapters;

/// <summary>What the real programs printed, and what adapters are given.</summary>
internal static class Recordings
{
    public static IReadOnlyList<AdapterSignal> Play(IExecutionAdapter adapter, string recording, [CallerFilePath] string here = "")
    {
        var interpreter = adapter.Interpret();
        return [.. File.ReadLines(Path.Combine(Path.GetDirectoryName(here)!, "Recorded", recording)).SelectMany(line => interpreter.Read(OutputSource.Out, line))];
    }

    public static readonly LaunchSurroundings Surroundings = new("/workspace", "/private", new Uri("http://bus:7400/"), ["dotnet", "ControlCenter.dll"]);

    public static StartPackage Start(AgentDefinition definition, string? resume = null, string? message = null, bool hasTask = true, string? checkpoint = null) => new(
        Guid.CreateVersion7(), 1, Guid.CreateVersion7(), definition.Name, "cck_the-runtimes-own-key", definition, Guid.CreateVersion7(), resume,
        hasTask
            ? new StartTask(Guid.CreateVersion7(), Guid.CreateVersion7(), "T-7", "Mend the roof", "With tiles.", 2, 3, Guid.CreateVersion7(), 5, DateTimeOffset.UnixEpoch,
                checkpoint is null ? null : JsonSerializer.Deserialize<JsonElement>(checkpoint))
            : null,
        message, 0);
}
