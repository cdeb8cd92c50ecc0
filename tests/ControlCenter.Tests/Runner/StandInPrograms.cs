using ControlCenter.Domain.Execution;

namespace ControlCenter.Tests.Runner;

/// <summary>Shell scripts that print what the programs of adapters print, and behave as the conformance kit asks.</summary>
internal static class StandInPrograms
{
    private const string Stubborn =
        """
        trap '' TERM
        sh -c 'trap "" TERM; while :; do sleep 0.2; done' &
        setsid sh -c 'trap "" TERM; while :; do sleep 0.2; done' &
        while :; do sleep 0.2; done

        """;

    /// <summary>A script that reads JSON lines with a text in them.</summary>
    /// <param name="behaviour">How it behaves.</param>
    /// <param name="begin">Prints what the program says first, with its session in <c>$session</c>.</param>
    /// <param name="say">Prints <c>$said</c>.</param>
    /// <param name="end">Prints the end of a turn.</param>
    public static string Listening(StandIn behaviour, string begin, string say, string end) =>
        $$"""
        echo started
        {{begin}}
        {{behaviour switch
        {
            StandIn.Ticks => $"while :; do said=tick; {say}; sleep 0.05; done",
            StandIn.Stubborn => Stubborn,
            _ => $$"""
                while read -r line; do
                  text=$(printf '%s\n' "$line" | sed 's/.*"text":"\([^"]*\)".*/\1/')
                  said="heard $text"; {{say}}
                  {{end}}
                  [ "$text" = bye ] && exit 7
                done
                """,
        }}}

        """;

    /// <summary>Writes it where a definition can start it from.</summary>
    public static string[] Write(string folder, string script)
    {
        var path = Path.Combine(folder, $"stand-in-{Guid.NewGuid():N}.sh");
        File.WriteAllText(path, script);
        return ["sh", path];
    }

    /// <summary>A definition of an adapter with a stand-in for its program.</summary>
    public static AgentDefinition Definition(string adapter, string[] command) =>
        new() { Name = "stand-in", Adapter = adapter, Command = command, ModelRoute = "stand-in", Environment = new Dictionary<string, string> { ["WEBHOOK_SECRET"] = "value:secret-of-a-test" }, Url = "http://127.0.0.1:1/" };
}
