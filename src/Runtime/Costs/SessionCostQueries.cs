using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What a conversation cost.</summary>
/// <param name="SessionId">Which.</param>
/// <param name="Uses">Uses of modules.</param>
/// <param name="Failures">Uses that failed.</param>
/// <param name="UnknownCostEvents">Uses of which nobody knows what they cost: they are in no sum.</param>
/// <param name="TokensIn">Tokens that went in, as far as they were told and not from a cache.</param>
/// <param name="TokensOut">Tokens that came out.</param>
/// <param name="ByCurrency">What they cost.</param>
public sealed record SessionCosts(
    Guid SessionId, long Uses, long Failures, long UnknownCostEvents, long TokensIn, long TokensOut, IReadOnlyList<CurrencyCosts> ByCurrency);

/// <summary>Reads what one session cost: from its events, by their index.</summary>
public sealed class SessionCostQueries(NpgsqlDataSource database)
{
    private const string Sql =
        $"""
        select e.currency, count(*) filter (where {CostFacts.IsUse}), count(*) filter (where {CostFacts.IsUse} and {CostFacts.HasFailed}),
            count(*) filter (where {CostFacts.IsUse} and e.knowledge = 'unknown' and not exists (select from cost_events k where k.corrects = e.event_id and k.resolves_unknown)),
            coalesce(sum(e.tokens_input), 0)::bigint, coalesce(sum(e.tokens_output), 0)::bigint,
            sum(e.estimated_cost), sum(e.billed_cost), sum(coalesce(e.billed_cost, e.estimated_cost))
        from cost_events e where e.session_id = @session group by 1 order by 9 desc nulls last
        """;

    /// <summary>What a session cost; nothing for one that made no call.</summary>
    public async Task<SessionCosts> FindAsync(Guid session, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.AddWithValue("session", session.ToString());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var (costs, sums) = (new SessionCosts(session, 0, 0, 0, 0, 0, []), new List<CurrencyCosts>());
        while (await reader.ReadAsync(cancellationToken))
        {
            costs = costs with
            {
                Uses = costs.Uses + reader.GetInt64(1), Failures = costs.Failures + reader.GetInt64(2), UnknownCostEvents = costs.UnknownCostEvents + reader.GetInt64(3),
                TokensIn = costs.TokensIn + reader.GetInt64(4), TokensOut = costs.TokensOut + reader.GetInt64(5),
            };
            if (reader.TextOrNull(0) is { } currency && reader.ValueOrNull<decimal>(8) is { } cost)
            {
                sums.Add(new CurrencyCosts(currency, Plain(reader.ValueOrNull<decimal>(6)), Plain(reader.ValueOrNull<decimal>(7)), Money.Plain(cost)));
            }
        }

        return costs with { ByCurrency = sums };
    }

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(known) : null;
}
