using System.Diagnostics;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Tests.Runner;

/// <summary>Who belongs to a runtime.</summary>
public sealed class ProcessForestTests
{
    [Fact]
    public void One_whose_environment_was_empty_when_it_was_looked_at_belongs_once_it_shows_whose_it_is()
    {
        // As one that was looked at in the middle of an exec.
        var runtime = Guid.NewGuid();
        using var process = Process.Start(new ProcessStartInfo(
            "/usr/bin/env", ["-i", "/bin/sh", "-c", $"read -r line; exec /usr/bin/env {AgentEnvironment.RuntimeIdVariable}={runtime} /bin/sleep 1000"]) { UseShellExecute = false, RedirectStandardInput = true })!;
        try
        {
            Until(() => ProcessTable.VariableOf(process.Id, "PATH", out var isEmpty) is null && isEmpty);
            var forest = new ProcessForest();
            var tree = forest.Plant(runtime, leader: null);
            forest.Look(0);
            forest.Look(1);
            tree.Living.ShouldBeEmpty();
            process.StandardInput.WriteLine();
            Until(() => ProcessTable.VariableOf(process.Id, AgentEnvironment.RuntimeIdVariable) is not null);
            forest.Look(2);
            tree.Living.ShouldHaveSingleItem().Pid.ShouldBe(process.Id);
        }
        finally
        {
            process.Kill();
        }
    }

    private static void Until(Func<bool> isSo) => SpinWait.SpinUntil(isSo, TimeSpan.FromMinutes(1)).ShouldBeTrue();
}
