using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What one unit of a currency is worth in another from a day on.</summary>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Quote">The currency in which it is expressed.</param>
/// <param name="EffectiveOn">From which day on (UTC), until the next rate of the pair.</param>
/// <param name="Rate">Units of <paramref name="Quote"/> for one of <paramref name="Currency"/>.</param>
/// <param name="Source">Where it is from.</param>
public sealed record CurrencyRate(string Currency, string Quote, DateOnly EffectiveOn, decimal Rate, string Source);

/// <summary>Rates that are known.</summary>
public sealed record KnownRates(IReadOnlyList<CurrencyRate> Items);

/// <summary>Sets rates. One that is set is never rewritten (CO-21): costs that were counted by it stay as they were.</summary>
public sealed class SetCurrencyRate(Transactions transactions)
{
    /// <summary>Sets a rate from a day on. The same rate again changes nothing.</summary>
    /// <exception cref="ValidationException">That pair has another rate for that day.</exception>
    public Task<Outcome<CurrencyRate>> ExecuteAsync(CurrencyRate request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        new FieldErrors()
            .Add("currency", Money.IsCurrency(request.Currency) ? null : "Three upper-case letters (ISO 4217).")
            .Add("quote", !Money.IsCurrency(request.Quote) ? "Three upper-case letters (ISO 4217)." : request.Quote == request.Currency ? "It must be another currency." : null)
            .Add("rate", request.Rate is > 0 and < 1_000_000_000 ? null : "Above zero, and below a thousand million.")
            .Add("source", TextRules.Name(request.Source))
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var added = await unit.ExecuteAsync(
                """
                insert into currency_rates (currency, quote, effective_on, rate, source, recorded_by) values (@currency, @quote, @day, @rate, @source, @actor) on conflict do nothing
                """,
                ct, ("currency", request.Currency), ("quote", request.Quote), ("day", request.EffectiveOn), ("rate", request.Rate), ("source", request.Source), ("actor", unit.Caller.ActorId));
            if (added == 1)
            {
                unit.Record("cost.rate_set", ("currency_rate", $"{request.Currency}/{request.Quote}"), request);
                return request;
            }

            await using var command = unit.Command(
                "select rate from currency_rates where currency = @currency and quote = @quote and effective_on = @day",
                ("currency", request.Currency), ("quote", request.Quote), ("day", request.EffectiveOn));
            var kept = (decimal)(await command.ExecuteScalarAsync(ct))!;
            return kept == request.Rate
                ? request
                : throw new ValidationException("rate", $"{request.Currency}/{request.Quote} has the rate {Money.Plain(kept)} from {request.EffectiveOn:yyyy-MM-dd} on, and a rate is never rewritten. Set the new one from a later day on.");
        }, cancellationToken);
    }
}

/// <summary>Converts amounts by the rate of their day.</summary>
public sealed class CurrencyRates(NpgsqlDataSource database)
{
    /// <summary>The amount in another currency, by the latest rate of the pair, or of the pair turned round, on that day; null if there is none.</summary>
    public async Task<Money?> ConvertAsync(Money amount, string currency, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (amount.Currency == currency)
        {
            return amount;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await RateAsync(connection, amount.Currency, currency, at, cancellationToken) is { } rate ? new Money(amount.Amount * rate, currency) : null;
    }

    /// <summary>The rate on a day, in the caller's transaction if it has one; null if there is none.</summary>
    public static async Task<decimal?> RateAsync(NpgsqlConnection connection, string currency, string quote, DateTimeOffset at, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select case when currency = @currency then rate else 1 / rate end from currency_rates
            where ((currency = @currency and quote = @quote) or (currency = @quote and quote = @currency)) and effective_on <= @day
            order by effective_on desc, currency = @currency desc limit 1
            """,
            connection);
        command.Parameters.AddWithValue("currency", currency);
        command.Parameters.AddWithValue("quote", quote);
        command.Parameters.AddWithValue("day", DateOnly.FromDateTime(at.UtcDateTime));
        return await command.ExecuteScalarAsync(cancellationToken) as decimal?;
    }

    /// <summary>How many are listed.</summary>
    public const int MostItems = 1_000;

    /// <summary>The newest thousand.</summary>
    public async Task<KnownRates> ListAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select currency, quote, effective_on, rate, source from currency_rates order by effective_on desc, currency, quote limit {MostItems}");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rates = new List<CurrencyRate>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rates.Add(new CurrencyRate(reader.GetString(0), reader.GetString(1), reader.GetFieldValue<DateOnly>(2), Money.Plain(reader.GetDecimal(3)), reader.GetString(4)));
        }

        return new KnownRates(rates);
    }
}
