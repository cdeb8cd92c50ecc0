using System.CommandLine;
using System.CommandLine.Invocation;
using ControlCenter.BuiltInAgents;

namespace ControlCenter.CommandLine;

/// <summary>The command line (<c>./devxio</c>). Without a verb the program is the bus.</summary>
internal static class Devxio
{
    public static RootCommand Root { get; } = new("Control Center: runs a fleet of agents. Without a verb it starts the bus, as ./run does.")
    {
        HostVerbs.Host,
        SurfaceVerbs.Go,
        SurfaceVerbs.Mo,
        RestoreVerb.Restore,
        BuiltInVerbs.Loop,
        BuiltInVerbs.Webhook,
    };

    /// <summary>Runs one command.</summary>
    /// <returns>Its exit code.</returns>
    public static Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter error)
    {
        var parsed = Root.Parse(arguments);
        if (parsed.Action is ParseErrorAction)
        {
            foreach (var problem in parsed.Errors)
            {
                error.WriteLine(problem.Message);
            }

            error.WriteLine($"See {string.Join(' ', (string[])["./devxio", .. parsed.CommandResult.Command is RootCommand ? [] : (string[])[parsed.CommandResult.Command.Name]])} --help.");
            return Task.FromResult(ExitCode.Usage);
        }

        // Signals are the command's own business: what has to be stopped first takes longer than the parser would wait.
        return parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        });
    }
}
