using System.Globalization;
using System.Text.RegularExpressions;

namespace ControlCenter.TestSupport.Models;

/// <summary>A model that works on the task in its prompt as an agent should: reports progress, asks for an approval, waits for it, completes.</summary>
public static partial class ApprovalScript
{
    /// <summary>What an approval is asked for.</summary>
    public const string Title = "May I deploy?";

    private const int MostWaits = 6;

    /// <summary>Has a model do so.</summary>
    /// <param name="provider">Whose model.</param>
    /// <param name="model">Which.</param>
    /// <param name="first">What it does before.</param>
    public static void For(StandInProvider provider, string model, params Func<ScriptSight, StandInTurn>[] first) => provider.Script(
        model,
        [
            .. first,
            sight => Call(sight, "report_progress", new() { ["message"] = "begun", ["percent"] = 10 }),
            sight => Call(sight, "escalate", new() { ["kind"] = "approval", ["title"] = Title, ["action"] = new { run = "deploy" } }),
            .. Enumerable.Repeat<Func<ScriptSight, StandInTurn>>(WaitOrComplete, MostWaits),
        ]);

    // A wait that was cut short (its time was over, its process was killed) has a result as well, and it is no decision.
    private static StandInTurn WaitOrComplete(ScriptSight sight) =>
        Decided().Match(sight.Results[^1]) is not { Success: true } decided
            ? sight.Results[^1].Contains("completed", StringComparison.Ordinal)
                ? new StandInTurn(StandInProvider.Words)
                : StandInTurn.Call("wait_for_decision", new { escalation_id = sight.Value("escalation_id"), wait_seconds = 60 })
            : Call(sight, "complete_task", new() { ["result"] = new { approved = decided.Value == "approved" } });

    // Who holds the task stands in the prompt: the last of them, where a session goes on under another lease.
    private static StandInTurn Call(ScriptSight sight, string tool, Dictionary<string, object> more)
    {
        var held = Held().Matches(sight.Request)[^1].Groups;
        return StandInTurn.Call(tool, new Dictionary<string, object>(more)
        {
            ["task_id"] = held["task"].Value,
            ["lease_id"] = held["lease"].Value,
            ["fencing_token"] = long.Parse(held["token"].Value, CultureInfo.InvariantCulture),
        });
    }

    [GeneratedRegex("approved|denied|expired", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Decided();

    [GeneratedRegex("task_id (?<task>[0-9a-f-]{36}), lease_id (?<lease>[0-9a-f-]{36}), fencing_token (?<token>[0-9]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Held();
}
