using System.Text.Json;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Files;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>A backup while it is being asked for.</summary>
public sealed class BackupDraft
{
    /// <summary><c>base</c>, <c>dump</c> or <c>files</c>.</summary>
    public string Kind { get; set; } = "base";

    /// <summary>Why.</summary>
    public string? Reason { get; set; }

    /// <summary>Held until it is reviewed; of a base alone.</summary>
    public bool IsMilestone { get; set; }

    /// <summary>The job that takes it.</summary>
    public string Job => Kind switch { "dump" => "database-dump", "files" => FilesJob.JobName, _ => "base-backup" };

    /// <summary>What the job is given.</summary>
    public RunJobRequest ToRequest() => new(Payload: JsonSerializer.SerializeToElement(
        new { reason = string.IsNullOrWhiteSpace(Reason) ? null : Reason.Trim(), milestone = IsMilestone && Kind == "base" }));
}
