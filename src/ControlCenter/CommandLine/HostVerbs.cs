using System.CommandLine;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Bus;

namespace ControlCenter.CommandLine;

/// <summary><c>host join</c>, <c>host leave</c>, <c>host run</c>.</summary>
internal static class HostVerbs
{
    /// <summary>The variable that a key may be given in, so that it is not in the list of processes.</summary>
    public const string KeyVariable = "CC_HOST_KEY";

    public static Option<Uri?> Bus { get; } = new("--bus")
    {
        Description = "The bus's address as reached from here, such as http://control-center:7400. Remembered from the last join.",
        HelpName = "URL",
        CustomParser = result => Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.AbsolutePath == "/"
            ? uri
            : Fail<Uri>(result, $"--bus is '{result.Tokens[0].Value}'; expected an address such as http://control-center:7400."),
    };

    public static Option<string?> Key { get; } = new("--key")
    {
        Description = $"The host's key, shown when it was let in. Better given in {KeyVariable} or by --key-file. Remembered from the last join.",
        HelpName = "KEY",
    };

    public static Option<FileInfo?> KeyFile { get; } = new("--key-file") { Description = "A file that holds the host's key.", HelpName = "PATH" };

    public static Option<DirectoryInfo?> Folder { get; } = new("--folder")
    {
        Description = "Where the runner keeps what it needs to find its agents again; one runner at a time. CC_HOME/runner unless said.",
        HelpName = "PATH",
    };

    private static readonly Option<string?> Surface = new("--surface") { Description = "The surface that this host is.", HelpName = "NAME" };

    private static readonly Option<string[]?> Labels = new("--labels")
    {
        Description = "The host's labels, separated by commas, in place of those that it was let in with.",
        HelpName = "A,B",
        CustomParser = result => result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).ToArray(),
    };

    public static Command Host { get; } = new("host", "This machine as a host: it runs agents for a bus.")
    {
        Joining("join", "Lets this machine run agents for a bus, in the foreground, until it is told to stop (SIGTERM, Ctrl-C).", Surface, Labels, parsed =>
            Join(parsed, parsed.GetValue(Surface), parsed.GetValue(Labels) is { Length: > 0 } labels ? labels : null)),
        Leaving(),
        Running(),
    };

    /// <summary>Runs as a host of a bus, and remembers which and by which key.</summary>
    public static async Task<int> Join(ParseResult parsed, string? surface, string[]? labels)
    {
        var place = PlaceOf(parsed);
        if (place.Bus is not { } bus)
        {
            return await ComplainAsync(parsed, "--bus is not given, and was not remembered.");
        }

        if (place.Key is not { } key)
        {
            return await ComplainAsync(parsed, $"The host's key is not given: {KeyVariable}, --key-file or --key.");
        }

        place.Remember(bus, key);
        return await RunnerProcess.RunAsync(bus, place.ReadKey, place.Folder, new HostFacts(Hosting.HostVersion.Current, surface, labels), handsOver: false, CancellationToken.None);
    }

    private static Command Joining(string name, string what, Option<string?> surface, Option<string[]?> labels, Func<ParseResult, Task<int>> run)
    {
        var command = new Command(name, what) { Bus, Key, KeyFile, Folder, surface, labels };
        command.SetAction(run);
        return command;
    }

    private static Command Leaving()
    {
        var command = new Command("leave", "Says to the bus that this machine runs no more agents for it: what runs here is ended.") { Bus, Key, KeyFile, Folder };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var place = PlaceOf(parsed);
            if (place is not { Bus: { } address, Key: not null })
            {
                return await ComplainAsync(parsed, "This machine has not joined a bus: --bus and a key are not given, and none are remembered.");
            }

            using var bus = new BusConnection(address, place.ReadKey);
            try
            {
                var host = await bus.WhoAmIAsync(cancellationToken);
                await bus.LeaveAsync(host.HostId, cancellationToken);
                place.Forget();
                await parsed.InvocationConfiguration.Output.WriteLineAsync($"The host {host.Name} has left {address}. A runner of it that still runs ends its agents, and itself.");
                return ExitCode.Ok;
            }
            catch (BusRefusedException fault)
            {
                return await ComplainAsync(parsed, $"Refused: {fault.Message}", ExitCode.NoPermission);
            }
            catch (Exception fault) when (fault is HttpRequestException or BusProblemException)
            {
                return await ComplainAsync(parsed, $"{address} cannot be told: {fault.Message}", ExitCode.Unavailable);
            }
        });
        return command;
    }

    private static Command Running()
    {
        var command = new Command("run", "Started by the bus for its own machine.") { Bus, Folder };
        command.Hidden = true;
        command.SetAction(async parsed =>
        {
            var place = PlaceOf(parsed);
            return place.Bus is { } bus
                ? await RunnerProcess.RunAsync(bus, place.ReadKey, place.Folder, new HostFacts(Hosting.HostVersion.Current), handsOver: true, CancellationToken.None)
                : await ComplainAsync(parsed, "--bus is not given.");
        });
        return command;
    }

    private static JoinedPlace PlaceOf(ParseResult parsed)
    {
        var folder = parsed.GetValue(Folder)?.FullName ?? Path.Combine(Path.GetFullPath(Environment.GetEnvironmentVariable("CC_HOME") ?? "./data"), "runner");
        var given = Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } variable ? variable
            : parsed.CommandResult.Command.Options.Contains(KeyFile) && parsed.GetValue(KeyFile) is { } file ? File.ReadAllText(file.FullName).Trim()
            : parsed.CommandResult.Command.Options.Contains(Key) ? parsed.GetValue(Key) : null;
        return new JoinedPlace(folder, parsed.GetValue(Bus), given);
    }

    private static async Task<int> ComplainAsync(ParseResult parsed, string what, int code = ExitCode.Usage)
    {
        await parsed.InvocationConfiguration.Error.WriteLineAsync(what);
        return code;
    }

    private static T? Fail<T>(System.CommandLine.Parsing.ArgumentResult result, string message)
        where T : class
    {
        result.AddError(message);
        return null;
    }
}
