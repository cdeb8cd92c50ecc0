using ControlCenter.Domain.Access;

namespace ControlCenter.Dashboard.Layout;

/// <summary>A page that the navigation leads to.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Icon">Its picture.</param>
/// <param name="Word">What it is called.</param>
/// <param name="Key">Goes there, after <c>g</c>.</param>
/// <param name="IsMain">Whether a phone's bar has it; the others are behind More.</param>
/// <param name="To">What one must be allowed to do to be shown it.</param>
public sealed record NavPage(string Address, string Icon, string Word, char Key, bool IsMain = false, Permission To = Permission.ReadAll)
{
    /// <summary>All of them, in order.</summary>
    public static IReadOnlyList<NavPage> All { get; } =
    [
        new("/", "gauge", "Overview", 'o', IsMain: true),
        new("/escalations", "hand", "Escalations", 'e', IsMain: true),
        new("/work", "list", "Work", 'w', IsMain: true),
        new("/agents", "bot", "Agents", 'a', IsMain: true),
        new("/runtimes", "terminal", "Runtimes", 'r'),
        new("/sessions", "history", "Sessions", 's'),
        new("/hosts", "server", "Hosts", 'h'),
        new("/modules", "plug", "Modules", 'm'),
        new("/costs", "money", "Costs", 'c'),
        new("/budgets", "wallet", "Budgets", 'b'),
        new("/recovery", "archive", "Recovery", 'y'),
        new("/jobs", "repeat", "Jobs", 'j'),
        new("/events", "pulse", "Events", 'v'),
        new("/access", "key", "Access", 'k', To: Permission.ManageKeys),
    ];
}
