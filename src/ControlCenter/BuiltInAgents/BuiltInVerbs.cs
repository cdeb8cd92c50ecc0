using System.CommandLine;
using System.Threading.Channels;
using ControlCenter.CommandLine;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.BuiltInAgents;

/// <summary>The built-in agents as verbs of this program: a runner starts them, and tells them by their environment what to do.</summary>
internal static class BuiltInVerbs
{
    public static Command Loop { get; } = Of("agent-loop", "Runs the built-in agent: a model with the bus's tools. Started by a runner.", ModelLoop.RunAsync);

    public static Command Webhook { get; } = Of("agent-webhook", "Calls an agent that runs elsewhere, and stands for it here. Started by a runner.", WebhookAgent.RunAsync);

    private static Command Of(string name, string description, Func<AgentSurroundings, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, description) { Hidden = true };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                return await run(new AgentSurroundings(Environment.GetEnvironmentVariable, parsed.InvocationConfiguration.Output, Console.In, TimeProvider.System), cancellationToken);
            }
            catch (AgentSettingException fault)
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync(fault.Message);
                return ExitCode.Configuration;
            }
        });
        return command;
    }
}

/// <summary>What a built-in agent is told by its environment is not as it must be.</summary>
internal sealed class AgentSettingException(string message) : Exception(message);

/// <summary>Where a built-in agent runs.</summary>
internal sealed record AgentSurroundings(Func<string, string?> Read, TextWriter Output, TextReader Input, TimeProvider Time)
{
    private readonly Channel<string> _messages = Channel.CreateUnbounded<string>();

    /// <summary>What it is told while it runs.</summary>
    public ChannelReader<string> Messages => _messages.Reader;

    /// <summary>The bus.</summary>
    public Uri Bus => new(Need("CC_BUS_URL"));

    /// <summary>Its own key.</summary>
    public string Key => Need("CC_API_KEY");

    /// <summary>A variable that must be set.</summary>
    /// <exception cref="AgentSettingException">It is not.</exception>
    public string Need(string name) => Read(name) is { Length: > 0 } value ? value : throw new AgentSettingException($"{name} is not set; a runner sets it. This verb is not for hands.");

    /// <summary>Prints a line.</summary>
    public void Say(BuiltInLine line)
    {
        Output.WriteLine(line.ToString());
        Output.Flush();
    }

    /// <summary>Takes messages in until there can be no more.</summary>
    public async Task ListenAsync(CancellationToken cancellationToken)
    {
        // Reading a console cannot be given up: it has a thread of its own, which ends with the process.
        await Task.Factory.StartNew(
            () =>
            {
                while (Input.ReadLine() is { } line)
                {
                    if (BuiltInLine.MessageIn(line) is { } message)
                    {
                        _messages.Writer.TryWrite(message);
                    }
                }
            },
            cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _messages.Writer.Complete();
    }
}
