using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
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
        JobVerbs.Jobs,
        CostVerbs.Cost,
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

            error.WriteLine($"See {string.Join(' ', Verbs(parsed.CommandResult))} --help.");
            return Task.FromResult(ExitCode.Usage);
        }

        // Signals are the command's own business: what has to be stopped first takes longer than the parser would wait.
        return parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = output, Error = error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null,
        });
    }

    // As they are typed: ./devxio jobs run.
    private static IEnumerable<string> Verbs(CommandResult command) =>
        command.Parent is CommandResult parent ? [.. Verbs(parent), command.Command.Name] : ["./devxio"];
}
