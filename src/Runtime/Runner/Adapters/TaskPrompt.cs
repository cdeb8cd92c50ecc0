using System.Globalization;
using System.Text;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>What an agent that reads words is told when it is started: its task, how it holds it, and how it ends it.</summary>
internal static class TaskPrompt
{
    /// <summary>What the bus's MCP server is called in agents' configurations.</summary>
    public const string Server = "control-center";

    // A longer checkpoint is a document: the agent reads it from its file, if it needs it.
    private const int LongestCheckpoint = 16 * 1024;

    /// <summary>The whole of it.</summary>
    public static string Of(StartPackage start, LaunchSurroundings surroundings)
    {
        var text = new StringBuilder();
        if (start.ResumeNativeSessionId is not null)
        {
            text.AppendLine("Your process ended and was replaced; your session goes on where it was. What you did last may or may not have taken effect: look before you repeat it.").AppendLine();
        }

        if (start.Task is { } task)
        {
            AddTask(text, start, task, surroundings);
        }
        else if (start.Message is null)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"You are the agent {start.AgentName} (agent_id {start.AgentId}). Get a task with the tool claim_task of {Server}, and work on it. When there is none, end your turn.");
        }

        if (start.Message is { } message)
        {
            text.AppendLine().AppendLine(message);
        }

        return text.ToString().Trim();
    }

    private static void AddTask(StringBuilder text, StartPackage start, StartTask task, LaunchSurroundings surroundings)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"# {task.Title}").AppendLine();
        if (!string.IsNullOrWhiteSpace(task.Instructions) && start.ResumeNativeSessionId is null)
        {
            text.AppendLine(task.Instructions.Trim()).AppendLine();
        }

        text.AppendLine(CultureInfo.InvariantCulture,
            $"""
            You are the agent {start.AgentName}, and hold this task (ticket {task.TicketKey}, attempt {task.Attempt} of {task.MaxAttempts}). The tools of {Server} take:
            task_id {task.TaskId}, lease_id {task.LeaseId}, fencing_token {task.FencingToken}.

            - Say how far you are with report_progress, and save what another attempt would need with save_checkpoint.
            - Before anything that needs an approval: escalate, then wait_for_decision until it is decided. A no, or an expiry, is a no.
            - When the task is done: complete_task. When it cannot be done: fail_task. Do not end your turn before one of the two.
            - An answer with the code lease_lost means that the task is somebody else's now: stop working on it.
            """);
        if (task.Checkpoint is { } checkpoint && start.ResumeNativeSessionId is null)
        {
            var json = checkpoint.GetRawText();
            text.AppendLine().AppendLine(json.Length <= LongestCheckpoint
                ? $"An earlier attempt left this checkpoint; go on from it:\n\n```json\n{json}\n```"
                : $"An earlier attempt left a checkpoint in {AgentEnvironment.CheckpointFile(surroundings)}; read it, and go on from it.");
        }
    }
}
