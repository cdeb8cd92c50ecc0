using ControlCenter.TestSupport.Models;

namespace ControlCenter.E2E;

/// <summary>The real Codex.</summary>
public sealed class CodexAgentTests : CommandLineAgentTests
{
    protected override string Adapter => "codex";

    protected override string Program => "codex";

    protected override (string Dialect, string Path) Wire => ("openai", "/v1/responses");

    protected override StandInTurn LookAround => StandInTurn.Call("exec_command", new { cmd = "env; pwd > seen" });

    protected override string CallOf(string tool) => $"\"server\":\"control-center\",\"tool\":\"{tool}\"";

    protected override string Resumption(string nativeSession) => $"\0resume\0--json\0--skip-git-repo-check\0{nativeSession}\0";
}
