using System.Globalization;
using ControlCenter.Dashboard.Components;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>Recovery, for people.</summary>
internal static class RecoveryWords
{
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB", "PB"];

    /// <summary>A size in its largest unit, by 1000: <c>1.4 GB</c>.</summary>
    public static string Bytes(long bytes)
    {
        var (size, unit) = ((double)bytes, 0);
        while (size >= 999.5 && unit + 1 < Units.Length)
        {
            (size, unit) = (size / 1000, unit + 1);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 || size >= 100 ? Math.Round(size).ToString("0", CultureInfo.InvariantCulture) : size.ToString("0.#", CultureInfo.InvariantCulture))} {Units[unit]}");
    }

    /// <summary>What kind of backup it is.</summary>
    public static string Kind(string kind) => kind switch { "base" => "Base", "dump" => "Dump", "files" => "Files", _ => kind };

    /// <summary>How a backup is.</summary>
    public static StatusLook Look(BackupView backup) => backup switch
    {
        { State: "running" } => new("accent", "play", "Running"),
        { State: "failed" } => new("bad", "x", "Failed"),
        { RemovedAt: not null } => new("", "archive", "Removed"),
        _ => new("good", "check", "Taken"),
    };

    /// <summary>Why a backup is kept: <c>daily, weekly</c>.</summary>
    public static string Kept(IReadOnlyList<KeptAs> reasons) => reasons.Count == 0
        ? "goes with the next removal"
        : string.Join(", ", reasons.Select(r => r switch { KeptAs.Daily => "daily", KeptAs.Weekly => "weekly", KeptAs.Monthly => "monthly", KeptAs.Milestone => "milestone", _ => "newest" }));

    /// <summary>What a drill proves.</summary>
    public static string Of(DrillScenario scenario) => scenario switch
    {
        DrillScenario.Database => "the database",
        DrillScenario.Services => "all services",
        DrillScenario.ObjectStorage => "the files",
        DrillScenario.InterruptedTask => "an interrupted task",
        _ => "the deployment before this one",
    };

    /// <summary>The same at the beginning of a line.</summary>
    public static string Title(DrillScenario scenario) => $"{char.ToUpperInvariant(Of(scenario)[0])}{Of(scenario)[1..]}";

    /// <summary>How a drill went.</summary>
    public static StatusLook Look(DrillState? state) => state switch
    {
        null => new("", "circle", "Not tried yet"),
        DrillState.Running => new("accent", "play", "Running"),
        DrillState.Passed => new("good", "check", "Passed"),
        DrillState.Failed => new("bad", "x", "Failed"),
        DrillState.NotPossible => new("warn", "question", "Not possible"),
        _ => new("", "stop", "Broken off"),
    };

    /// <summary>How a step went.</summary>
    public static StatusLook Look(DrillStepState state) => state switch
    {
        DrillStepState.Passed => new("good", "check", "Passed"),
        DrillStepState.Failed => new("bad", "x", "Failed"),
        _ => new("", "more", "Left out"),
    };

    /// <summary>How a restore stands.</summary>
    public static StatusLook Look(RestoreView restore) => restore.State switch
    {
        RestoreState.Queued => new("info", "clock", "Queued"),
        RestoreState.Running => new("accent", "play", "Running"),
        RestoreState.Restored => restore.Passed == false ? new("bad", "alert", "Restored, not sound") : new("good", "check", "Restored"),
        RestoreState.Failed => new("bad", "x", "Failed"),
        RestoreState.Replacing => new("accent", "repeat", "Takes its place"),
        RestoreState.Replaced => new("good", "flag", "Running database"),
        _ => new("", "archive", "Removed"),
    };

    /// <summary>How bad a problem is.</summary>
    public static StatusLook Look(AlertSeverity severity) => severity switch
    {
        AlertSeverity.Critical => new("bad", "alert", "Critical"),
        AlertSeverity.Warning => new("warn", "alert", "Warning"),
        _ => new("info", "message", "Info"),
    };

    /// <summary>A cause of loss.</summary>
    public static string Of(RecoveryCause cause) => cause switch
    {
        RecoveryCause.NodeFailure => "The machine is gone",
        RecoveryCause.ProcessCrash => "A process died",
        RecoveryCause.SessionLoss => "A conversation is gone",
        RecoveryCause.DatabaseCorruption => "The database is damaged",
        RecoveryCause.BadDeployment => "A version must go again",
        RecoveryCause.AccidentalDeletion => "Something needed was removed",
        RecoveryCause.ProviderDisruption => "A provider does not answer",
        _ => "Somebody did the wrong thing",
    };

    /// <summary>How a stretch of time is.</summary>
    public static StatusLook Look(StretchKind kind) => kind switch
    {
        StretchKind.Restorable => new("good", "check", "Restorable"),
        StretchKind.Idle => new("", "clock", "Nothing written"),
        StretchKind.OnItsWay => new("info", "up", "On its way"),
        StretchKind.Late => new("bad", "clock", "Late"),
        _ => new("warn", "alert", "Gap"),
    };

    /// <summary>How a stretch of time is, in a legend.</summary>
    public static string Of(StretchKind kind) => kind switch
    {
        StretchKind.Restorable => "any second can be restored",
        StretchKind.Idle => "nothing was written since",
        StretchKind.OnItsWay => "on its way to the repository",
        StretchKind.Late => "not in the repository for too long",
        _ => "log is missing: cannot be restored",
    };

    /// <summary>A stretch of time.</summary>
    public static string Of(MapStretch stretch) => $"{Look(stretch.Kind).Word}: {InUtc(stretch.From)} to {InUtc(stretch.To)}";

    /// <summary>A base.</summary>
    public static string Of(MapBase mark) => $"{(mark.IsMilestone ? "Milestone" : "Base backup")} of {InUtc(mark.At)}";

    /// <summary>Its name in the style sheet.</summary>
    public static string ClassOf(StretchKind kind) => kind switch
    {
        StretchKind.Restorable => "ok",
        StretchKind.Idle => "idle",
        StretchKind.OnItsWay => "way",
        StretchKind.Late => "late",
        _ => "gap",
    };

    /// <summary>A moment in UTC, to the second.</summary>
    public static string InUtc(DateTimeOffset at) => at.UtcDateTime.ToString("d MMM yyyy, HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>A length of time, where it is known: <c>8.2 s</c>.</summary>
    public static string Length(TimeSpan? length, string unknown) => length is { } known ? TimeSpanWords.Words(known) : unknown;
}
