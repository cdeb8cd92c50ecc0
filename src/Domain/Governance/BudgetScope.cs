using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Governance;

/// <summary>Whose spending a budget limits (bus-api.md, Governor).</summary>
public enum BudgetScope
{
    /// <summary>All of it.</summary>
    Global,

    /// <summary>A project's.</summary>
    Project,

    /// <summary>A ticket's.</summary>
    Ticket,

    /// <summary>A task's.</summary>
    Task,

    /// <summary>An agent's.</summary>
    Agent,

    /// <summary>What goes to a module.</summary>
    Module,

    /// <summary>What goes to a provider.</summary>
    Provider,
}

/// <summary>How long a budget lasts before it begins anew. Periods are of UTC; weeks begin on Monday.</summary>
public enum BudgetPeriod
{
    /// <summary>An hour.</summary>
    Hour,

    /// <summary>A day.</summary>
    Day,

    /// <summary>A week.</summary>
    Week,

    /// <summary>A calendar month.</summary>
    Month,

    /// <summary>For good.</summary>
    Total,
}

/// <summary>One thing that a budget can be for.</summary>
/// <param name="Scope">What kind of thing.</param>
/// <param name="Id">Which one; empty for everything.</param>
public readonly record struct BudgetTarget(BudgetScope Scope, string Id)
{
    /// <summary>The scope's word, as the database has it.</summary>
    public string Wire => WireNames<BudgetScope>.ToWire(Scope);

    /// <summary>
    /// Everything whose budgets a cost counts against. The one place that decides it, so that what is reserved for a call and
    /// what it is charged to afterwards are the same budgets (GV-08).
    /// </summary>
    public static IReadOnlyList<BudgetTarget> Of(Attribution who, string? module, string? provider)
    {
        var targets = new List<BudgetTarget>(7) { new(BudgetScope.Global, "") };
        Add(BudgetScope.Project, who.Project);
        Add(BudgetScope.Ticket, who.TicketId?.ToString());
        Add(BudgetScope.Task, who.TaskId?.ToString());
        Add(BudgetScope.Agent, who.AgentId?.ToString());
        Add(BudgetScope.Module, module);
        Add(BudgetScope.Provider, provider);
        return targets;

        void Add(BudgetScope scope, string? id)
        {
            if (!string.IsNullOrEmpty(id))
            {
                targets.Add(new BudgetTarget(scope, id));
            }
        }
    }
}
