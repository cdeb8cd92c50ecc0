using ControlCenter.TestSupport.Models;

namespace ControlCenter.E2E;

/// <summary>The real Claude Code.</summary>
public sealed class ClaudeCodeAgentTests : CommandLineAgentTests
{
    protected override string Adapter => "claude-code";

    protected override string Program => "claude";

    protected override (string Dialect, string Path) Wire => ("anthropic", "/v1/messages");

    protected override StandInTurn LookAround => StandInTurn.Call("Bash", new { command = "env; pwd > seen", description = "Looks around" });

    protected override string CallOf(string tool) => $"\"name\":\"mcp__control-center__{tool}\"";

    protected override string Resumption(string nativeSession) => $"\0--resume\0{nativeSession}\0";
}
