using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Governance;
using ControlCenter.TestSupport;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Governance;

public sealed class SpendTests(HostFixture fixture) : BusTests(fixture)
{
    private static int _projects;

    private readonly string _project = $"project-{Interlocked.Increment(ref _projects)}";

    private Attribution Who => new(Actor.FounderId, Project: _project);

    private ReserveSpend Reserve => Host.Services.GetRequiredService<ReserveSpend>();

    private SettleCall Settle => Host.Services.GetRequiredService<SettleCall>();

    [Fact]
    public async Task Two_hundred_parallel_calls_never_pass_a_budget_of_one_dollar()
    {
        var budget = await BudgetAsync(hard: 1);
        var worst = new Money(0.01m, "USD");
        var refused = 0;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var watched = WatchAsync(budget, over.Token);
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 200, CancellationToken = Stop }, async (call, _) =>
        {
            try
            {
                var reservation = await Reserve.ExecuteAsync(Who, "m", "p", worst, Stop);
                await Settle.ExecuteAsync(reservation.Id, Cost(Who, 0.006m + (call % 5 * 0.001m)), Stop);
            }
            catch (BudgetExhaustedException refusal)
            {
                refusal.BudgetId.ToString().ShouldBe(budget);
                refusal.Status.ShouldBe(402);
                Interlocked.Increment(ref refused);
            }
        });

        await over.CancelAsync();
        (await watched).ShouldBeInRange(0.01m, 1);
        var (spent, reserved, events) = await CountersAsync(budget);
        (spent, reserved, events).ShouldBe((spent, 0, 200 - refused));

        // What was set aside and not used is there for the next: one after the other, all of it is spent but for less than one call.
        while (await TrySpendAsync(worst))
        {
        }

        (await CountersAsync(budget)).Spent.ShouldBeInRange(1 - worst.Amount, 1);
        (await Host.SqlAsync<long>($"select count(*) from budget_breaches where budget_id = '{budget}'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'budget.exhausted' and subject_id = '{budget}'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task A_call_that_costs_more_than_its_worst_case_passes_the_budget_by_no_more_than_that_error()
    {
        var budget = await BudgetAsync(hard: 1);
        for (var call = 0; call < 10; call++)
        {
            var reservation = await Reserve.ExecuteAsync(Who, "m", "p", new Money(0.1m, "USD"), Stop);
            await Settle.ExecuteAsync(reservation.Id, Cost(Who, call == 9 ? 0.103m : 0.1m), Stop);
        }

        await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(Who, "m", "p", new Money(0.000001m, "USD"), Stop));
        (await CountersAsync(budget)).Spent.ShouldBe(1.003m);
    }

    [Fact]
    public async Task A_call_is_reserved_with_every_budget_in_scope_or_with_none()
    {
        var wide = await BudgetAsync(hard: 10);
        var narrow = await BudgetAsync(hard: 0.5m, scope: "module", scopeId: _project);
        var refusal = await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(Who, _project, "p", new Money(0.6m, "USD"), Stop));
        refusal.BudgetId.ToString().ShouldBe(narrow);
        refusal.Message.ShouldContain("0.5 USD left");
        (await CountersAsync(wide)).Reserved.ShouldBe(0);

        await Reserve.ExecuteAsync(Who, _project, "p", new Money(0.4m, "USD"), Stop);
        (await CountersAsync(wide)).Reserved.ShouldBe(0.4m);
        (await CountersAsync(narrow)).Reserved.ShouldBe(0.4m);
    }

    [Fact]
    public async Task Many_calls_reserved_at_once_take_no_more_than_there_is_of_each_of_their_budgets()
    {
        var wide = await BudgetAsync(hard: 1);
        var narrow = await BudgetAsync(hard: 0.3m, scope: "module", scopeId: _project);
        var reserved = await Task.WhenAll(Enumerable.Range(0, 100).Select(call => TryReserveAsync(call % 2 == 0 ? _project : "other", new Money(0.05m, "USD"))));

        (await CountersAsync(wide)).Reserved.ShouldBe(1);
        (await CountersAsync(narrow)).Reserved.ShouldBe(0.05m * reserved.Where((_, call) => call % 2 == 0).Count(r => r));
        (await CountersAsync(narrow)).Reserved.ShouldBeInRange(0.05m, 0.3m);
        reserved.Count(r => r).ShouldBe(20);
    }

    [Fact]
    public async Task A_caller_whose_last_call_is_still_being_settled_is_not_refused_for_the_worst_case_of_that()
    {
        var unsettled = Host.Services.GetRequiredService<UnsettledCalls>();
        var budget = await BudgetAsync(hard: 1);
        var worst = new Money(0.9m, "USD");
        for (var call = 0; call < 10; call++)
        {
            var reservation = await Reserve.ExecuteAsync(Who, "m", "p", worst, Stop);
            unsettled.Settle(reservation.Id, Cost(Who, 0.01m));
        }

        await unsettled.SettledAsync(Stop);
        (await CountersAsync(budget)).ShouldBe((0.1m, 0, 10));
        (await Host.SqlAsync<long>($"select count(*) from budget_breaches where budget_id = '{budget}'", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task A_host_that_is_stopped_settles_the_calls_that_have_ended()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        await using (var stopping = await RunningHost.StartAsync(Stop, database))
        {
            var unsettled = stopping.Services.GetRequiredService<UnsettledCalls>();
            for (var call = 0; call < 50; call++)
            {
                unsettled.Settle(null, Cost(Who, 0.01m));
            }
        }

        await using var next = await RunningHost.StartAsync(Stop, database);
        (await next.SqlAsync<long>("select count(*) from cost_events", Stop)).ShouldBe(50);
    }

    [Fact]
    public async Task What_costs_nothing_is_let_through_when_the_budget_is_used_up()
    {
        await BudgetAsync(hard: 0);
        await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(Who, "m", "p", new Money(0.01m, "USD"), Stop));
        (await Reserve.ExecuteAsync(Who, "local", "p", new Money(0, "USD"), Stop)).WorstCase.Amount.ShouldBe(0);
    }

    [Fact]
    public async Task A_cost_that_is_not_known_is_counted_as_unknown_and_gives_its_reservation_back()
    {
        var budget = await BudgetAsync(hard: 1);
        var reservation = await Reserve.ExecuteAsync(Who, "m", "p", new Money(0.2m, "USD"), Stop);
        await Settle.ExecuteAsync(reservation.Id, Cost(Who, null), Stop);
        (await CountersAsync(budget)).ShouldBe((0, 0, 1));
        ((long)(await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!["unknown_cost_events"]!).ShouldBe(1);
    }

    [Fact]
    public async Task Sixteen_costs_of_sixty_cents_at_once_on_a_budget_of_one_dollar_are_all_kept_and_make_one_incident()
    {
        var budget = await BudgetAsync(hard: 1);
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Settle.ExecuteAsync(null, Cost(Who, 0.6m), Stop)));

        (await CountersAsync(budget)).ShouldBe((9.6m, 0, 16));
        (await Host.SqlAsync<long>($"select count(*) from budget_breaches where budget_id = '{budget}'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'budget.exhausted' and subject_id = '{budget}'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task Sixteen_costs_that_are_reported_at_once_are_sixteen_successes_and_one_incident()
    {
        var budget = await BudgetAsync(hard: 1, scope: "module", scopeId: _project);
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Founder.PostAsync(
            "cost-events", new { module_id = _project, provider = "p", access_path = "api", estimated_cost = 0.6, currency = "USD" }, Stop)));

        answers.ShouldAllBe(a => (int)a.Status == 201);
        (await CountersAsync(budget)).ShouldBe((9.6m, 0, 16));
        (await Host.SqlAsync<long>($"select count(*) from budget_breaches where budget_id = '{budget}'", Stop)).ShouldBe(1);
        await LeaseTests.Eventually(async () => await Host.SqlAsync<long>($"select count(*) from escalations where title like '%{_project}%'", Stop) == 1);
    }

    [Fact]
    public async Task The_soft_limit_is_told_once_a_period_and_stops_nothing()
    {
        var budget = await BudgetAsync(hard: 10, soft: 1);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Settle.ExecuteAsync(null, Cost(Who, 0.6m), Stop)));

        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'budget.soft_limit' and subject_id = '{budget}'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'alert.raised' and subject_id = '{budget}'", Stop)).ShouldBe(1);
        (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!["state"]!.ToString().ShouldBe("over_soft_limit");
        await Reserve.ExecuteAsync(Who, "m", "p", new Money(1, "USD"), Stop);
    }

    [Fact]
    public async Task The_same_settlement_again_changes_nothing()
    {
        var budget = await BudgetAsync(hard: 1);
        var reservation = await Reserve.ExecuteAsync(Who, "m", "p", new Money(0.5m, "USD"), Stop);
        var cost = Cost(Who, 0.3m);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Settle.ExecuteAsync(reservation.Id, cost, Stop)));
        (await CountersAsync(budget)).ShouldBe((0.3m, 0, 1));
    }

    [Fact]
    public async Task A_cost_of_yesterday_is_yesterdays_and_opens_nothing_today()
    {
        var budget = await BudgetAsync(hard: 1);
        await Settle.ExecuteAsync(null, Cost(Who, 5) with { At = DateTimeOffset.UtcNow.AddDays(-1) }, Stop);
        (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!["state"]!.ToString().ShouldBe("within_limits");
        await Reserve.ExecuteAsync(Who, "m", "p", new Money(1, "USD"), Stop);
    }

    [Fact]
    public async Task Sub_cent_amounts_add_up_exactly()
    {
        var budget = await BudgetAsync(hard: 1);
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Settle.ExecuteAsync(null, Cost(Who, 0.000000000001m), Stop)));
        (await CountersAsync(budget)).Spent.ShouldBe(0.00000000003m);
    }

    [Fact]
    public async Task A_cost_in_another_currency_counts_by_the_rate_of_its_day_and_without_one_as_unknown()
    {
        var budget = await BudgetAsync(hard: 100);
        await Host.SqlAsync<int>(
            $"with r as (insert into currency_rates (currency, quote, effective_on, rate, source, recorded_by) values ('EUR', 'USD', '2020-01-01', 1.25, 'test', '{Actor.FounderId}'), ('USD', 'JPY', '2020-01-01', 100, 'test', '{Actor.FounderId}') returning 1) select count(*)::int from r",
            Stop);
        await Settle.ExecuteAsync(null, Cost(Who, 2) with { Currency = "EUR" }, Stop);
        await Settle.ExecuteAsync(null, Cost(Who, 300) with { Currency = "JPY" }, Stop);
        await Settle.ExecuteAsync(null, Cost(Who, 7) with { Currency = "CHF" }, Stop);
        var seen = (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!;
        ((decimal)seen["spent"]!).ShouldBe(5.5m);
        ((long)seen["unknown_cost_events"]!).ShouldBe(1);
    }

    private async Task<bool> TryReserveAsync(string module, Money worst)
    {
        try
        {
            await Reserve.ExecuteAsync(Who, module, "p", worst, Stop);
            return true;
        }
        catch (BudgetExhaustedException)
        {
            return false;
        }
    }

    private async Task<bool> TrySpendAsync(Money worst)
    {
        try
        {
            var reservation = await Reserve.ExecuteAsync(Who, "m", "p", worst, Stop);
            await Settle.ExecuteAsync(reservation.Id, Cost(Who, worst.Amount), Stop);
            return true;
        }
        catch (BudgetExhaustedException)
        {
            return false;
        }
    }

    private static CostEvent Cost(Attribution who, decimal? amount) => new()
    {
        EventId = Guid.CreateVersion7(),
        At = DateTimeOffset.UtcNow,
        Attribution = who,
        ModuleId = "m",
        Provider = "p",
        EstimatedCost = amount,
        Currency = amount is null ? null : "USD",
        Knowledge = amount is null ? CostKnowledge.Unknown : CostKnowledge.Exact,
        End = CallEnd.Completed,
    };

    private async Task<string> BudgetAsync(decimal hard, decimal? soft = null, string scope = "project", string? scopeId = null) =>
        (await Founder.PostAsync("budgets", new { scope, scope_id = scopeId ?? _project, period = "day", soft_limit = soft, hard_limit = hard, currency = "USD" }, Stop))["budget_id"];

    /// <summary>The most that is ever taken of a budget, spent or set aside, as somebody who looks all the time sees it.</summary>
    private async Task<decimal> WatchAsync(string budget, CancellationToken over)
    {
        var most = 0m;
        while (!over.IsCancellationRequested)
        {
            most = Math.Max(most, await Host.SqlAsync<decimal>($"select coalesce(max(spent + reserved), 0) from budget_periods where budget_id = '{budget}'", Stop));
        }

        return most;
    }

    private async Task<(decimal Spent, decimal Reserved, long Events)> CountersAsync(string budget) => (
        await Host.SqlAsync<decimal>($"select coalesce(sum(spent), 0) from budget_periods where budget_id = '{budget}'", Stop),
        await Host.SqlAsync<decimal>($"select coalesce(sum(reserved), 0) from budget_periods where budget_id = '{budget}'", Stop),
        await Host.SqlAsync<long>($"select coalesce(sum(cost_events), 0)::bigint from budget_periods where budget_id = '{budget}'", Stop));
}
