namespace ControlCenter.TestSupport.Models;

/// <summary>A model that works on the task in its prompt as an agent should: reports progress, asks for an approval, waits for it, completes.</summary>
public static class ApprovalScript
{
    /// <summary>What an approval is asked for.</summary>
    public const string Title = "May I deploy?";

    /// <summary>Has a model do so.</summary>
    public static void For(StandInProvider provider, string model) => provider.Script(
        model,
        sight => Call(sight, "report_progress", new() { ["message"] = "begun", ["percent"] = 10 }),
        sight => Call(sight, "escalate", new() { ["kind"] = "approval", ["title"] = Title, ["action"] = new { run = "deploy" } }),
        sight => StandInTurn.Call("wait_for_decision", new { escalation_id = sight.Value("escalation_id"), wait_seconds = 60 }),
        sight => Call(sight, "complete_task", new() { ["result"] = new { approved = sight.Results[2].Contains("approved", StringComparison.Ordinal) } }));

    // Who holds the task stands in the prompt.
    private static StandInTurn Call(ScriptSight sight, string tool, Dictionary<string, object> more) => StandInTurn.Call(tool, new Dictionary<string, object>(more)
    {
        ["task_id"] = sight.Value("task_id"),
        ["lease_id"] = sight.Value("lease_id"),
        ["fencing_token"] = long.Parse(sight.Value("fencing_token"), System.Globalization.CultureInfo.InvariantCulture),
    });
}
