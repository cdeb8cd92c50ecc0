using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>A limit that is to be set.</summary>
/// <param name="Scope">Whose spending.</param>
/// <param name="Period">How long until it begins anew.</param>
/// <param name="HardLimit">Beyond this nothing is spent.</param>
/// <param name="ScopeId">Which project, ticket, …; a ticket by its id or its key. None for the whole host.</param>
/// <param name="SoftLimit">From this on it warns.</param>
/// <param name="Currency">ISO 4217; USD unless said.</param>
public sealed record CreateBudgetRequest(
    BudgetScope Scope, BudgetPeriod Period, decimal HardLimit, string? ScopeId = null, decimal? SoftLimit = null, string? Currency = null);

/// <summary>Sets a limit. It counts what was spent in its present period from the moment on which it is set.</summary>
public sealed class CreateBudget(Transactions transactions, TimeProvider time)
{
    internal const string DefaultCurrency = "USD";

    /// <summary>Sets the limit.</summary>
    /// <exception cref="NotFoundException">There is no such ticket, task or agent.</exception>
    public Task<Outcome<BudgetView>> ExecuteAsync(CreateBudgetRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        new FieldErrors()
            .Add("scope_id", ScopeIdProblem(request.Scope, request.ScopeId))
            .Add("hard_limit", BudgetRules.Limit(request.HardLimit))
            .Add("soft_limit", BudgetRules.Soft(request.SoftLimit, request.HardLimit))
            .Add("currency", BudgetRules.Currency(request.Currency))
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            var target = await TargetAsync(unit, request.Scope, request.ScopeId?.Trim() ?? "", ct);
            var currency = request.Currency ?? DefaultCurrency;
            await unit.ExecuteAsync(
                """
                insert into budgets (id, scope, scope_id, period, soft_limit, hard_limit, currency, created_by)
                values (@id, @scope, @scope_id, @period, @soft, @hard, @currency, @actor)
                """,
                ct, ("id", id), ("scope", request.Scope.Wire()), ("scope_id", target), ("period", request.Period.Wire()),
                ("soft", request.SoftLimit), ("hard", request.HardLimit), ("currency", currency), ("actor", unit.Caller.ActorId));
            await BudgetHistory.WriteAsync(
                unit, time, id, "created", new { request.Scope, ScopeId = target, request.Period, request.SoftLimit, request.HardLimit, Currency = currency }, ct);
            return await BudgetQueries.RequireAsync(unit.Connection, id, ct);
        }, cancellationToken);
    }

    internal static string? ScopeIdProblem(BudgetScope scope, string? id) => scope switch
    {
        BudgetScope.Global => string.IsNullOrEmpty(id) ? null : "The global scope has none.",
        _ when string.IsNullOrWhiteSpace(id) => $"Which {scope.Wire()} it is for.",
        BudgetScope.Task or BudgetScope.Agent => Guid.TryParseExact(id.Trim(), "D", out _) ? null : $"The id of {(scope == BudgetScope.Task ? "a task" : "an agent")}; '{id}' is none.",
        _ => TextRules.Name(id),
    };

    // Costs name a ticket, a task and an agent by id: so does the budget, however the founder named it.
    internal static async Task<string> TargetAsync(UnitOfWork unit, BudgetScope scope, string id, CancellationToken cancellationToken)
    {
        var find = scope switch
        {
            BudgetScope.Ticket => "select id from tickets where id = @id or number = @number",
            BudgetScope.Task => "select id from tasks where id = @id",
            BudgetScope.Agent => "select id from agents where id = @id",
            _ => null,
        };
        if (find is null)
        {
            return id;
        }

        await using var command = unit.Command(
            find, ("id", Guid.TryParseExact(id, "D", out var parsed) ? parsed : Guid.Empty), ("number", Domain.Work.Ticket.NumberOf(id) ?? 0L));
        return await command.ExecuteScalarAsync(cancellationToken) is Guid found ? found.ToString() : throw new NotFoundException(scope.Wire(), id);
    }
}
