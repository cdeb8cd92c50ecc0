using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>When a drill is held: each of them is a job of its own, so that each has its times, its history and its <i>Run now</i>.</summary>
/// <param name="JobName">The job.</param>
/// <param name="Scenario">What it proves.</param>
/// <param name="Title">What it is called.</param>
/// <param name="Description">What it does.</param>
/// <param name="Cron">When, until the founder says otherwise.</param>
public sealed record DrillSchedule(string JobName, DrillScenario Scenario, string Title, string Description, string Cron)
{
    /// <summary>Whether it restores an older base, drawn by lot, and not the newest.</summary>
    public bool IsSample { get; init; }

    /// <summary>All of them. Monthly ones are held in the first week (blueprint 10.8), one a day, so that no two want the disk at once.</summary>
    public static IReadOnlyList<DrillSchedule> All { get; } =
    [
        new(
            "restore-drill", DrillScenario.Database, "Restore drill: the database",
            "Restores the newest base in a clean place from the repository and its password alone, counts it against its manifest, checks tables, indexes and invariants, and restores to a moment between two rows that it wrote itself.",
            "0 6 1 * *"),
        new(
            "restore-drill-sample", DrillScenario.Database, "Restore drill: a base drawn by lot",
            "Restores any one of the bases that are kept, counts it against its manifest, and checks tables, indexes and invariants.", "0 6 * * 3")
        {
            IsSample = true,
        },
        new(
            "restore-drill-services", DrillScenario.Services, "Restore drill: all services",
            "Starts this program on a restored database in a folder of its own, with nothing that acts outside, and looks at each service in the order of recovery.", "0 6 2 * *"),
        new(
            "restore-drill-files", DrillScenario.ObjectStorage, "Restore drill: the files",
            "Restores the newest copy of the files and compares every transcript that the database refers to with its hash.", "0 6 3 * *"),
        new(
            "restore-drill-task", DrillScenario.InterruptedTask, "Restore drill: an interrupted task",
            "Kills a bus on a restored database in the middle of a task, and has the task taken up again from its checkpoint.", "0 6 4 * *"),
        new(
            "restore-drill-rollback", DrillScenario.Rollback, "Restore drill: the deployment before this one",
            "Starts the program that ran before this one on a restored database.", "0 6 5 * *"),
    ];

    /// <summary>The one that is held where only a scenario is asked for.</summary>
    public static DrillSchedule Of(DrillScenario scenario) => All.First(s => s.Scenario == scenario && !s.IsSample);
}
