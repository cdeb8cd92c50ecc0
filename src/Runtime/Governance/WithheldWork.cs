using System.Globalization;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>Work that is not handed out because there is no money for it, and why.</summary>
public sealed class WithheldWork(NpgsqlDataSource database)
{
    /// <summary>
    /// In SQL, whether a row x of <c>budgets_exhausted</c> keeps a row of <c>tasks</c> from being handed out: it is the task's, its ticket's
    /// or its project's, or it is a module's or provider's and this task has run into it. Other tasks may well do without that module.
    /// </summary>
    public const string Withholds =
        """
        ((x.scope = 'task' and x.scope_id = tasks.id::text)
            or (x.scope = 'ticket' and x.scope_id = tasks.ticket_id::text)
            or (x.scope = 'project' and x.scope_id = (select k.project from tickets k where k.id = tasks.ticket_id))
            or (x.scope in ('module', 'provider') and exists (select 1 from budget_breach_tasks h where h.breach_id = x.breach_id and h.task_id = tasks.id)))
        """;

    // A header is read by people, too: who wants all of them asks GET /budgets.
    private const int MostNamed = 3;

    // The agent's own before everybody's, and both before those that only keep some of the work back.
    private const string Reasons =
        $"""
        select x.scope, x.period, x.budget_id, x.period_end
        from budgets_exhausted x
        where x.scope = 'global' or (x.scope = 'agent' and x.scope_id = @agent::text)
            or (x.scope not in ('global', 'agent') and exists (
                select 1 from tasks join capability_sets s on s.id = tasks.capability_set_id
                where tasks.state = 'ready' and s.capabilities <@ coalesce(@capabilities, (select a.capabilities from agents a where a.id = @agent)) and {Withholds}))
        order by x.scope = 'agent' desc, x.scope = 'global' desc, x.period_end nulls last, x.budget_id limit @most
        """;

    /// <summary>Why an agent that asked for work got none, if money is why: which budgets are used up, and until when. Null if none is.</summary>
    /// <param name="agent">Who asked.</param>
    /// <param name="capabilities">What it said it can do; null for what it registered with.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Plain ASCII: it is told in a header.</returns>
    public async Task<string?> ReasonAsync(Guid agent, string[]? capabilities, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Reasons);
        command.Parameters.AddWithValue("agent", agent);
        command.Parameters.Add(new NpgsqlParameter<string[]?>("capabilities", capabilities));
        command.Parameters.AddWithValue("most", MostNamed);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var reasons = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var until = reader.ValueOrNull<DateTimeOffset>(3) is { } end
                ? string.Create(CultureInfo.InvariantCulture, $"it begins anew at {end.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}, unless it is raised before") : "until it is raised";
            reasons.Add($"{Whose(WireNames<BudgetScope>.Parse(reader.GetString(0)))} for {BudgetName.Span(WireNames<BudgetPeriod>.Parse(reader.GetString(1)))} ({reader.GetGuid(2)}) is used up; {until}.");
        }

        return reasons.Count == 0 ? null : string.Join(' ', reasons);
    }

    private static string Whose(BudgetScope scope) => scope switch
    {
        BudgetScope.Global => "The global budget",
        BudgetScope.Agent => "This agent's budget",
        _ => $"There is work for this agent, but its {scope.Wire()}'s budget",
    };
}
