using System.Globalization;

namespace ControlCenter.Domain.Costs;

/// <summary>An amount in a currency, kept as it was charged. Sub-cent amounts are exact.</summary>
public readonly record struct Money
{
    /// <summary>Makes an amount.</summary>
    /// <param name="amount">May be below zero: a correction.</param>
    /// <param name="currency">ISO 4217: three upper-case letters.</param>
    /// <exception cref="ArgumentException">The currency is none.</exception>
    public Money(decimal amount, string currency)
    {
        if (!IsCurrency(currency))
        {
            throw new ArgumentException($"'{currency}' is not a currency: three upper-case letters (ISO 4217).", nameof(currency));
        }

        (Amount, Currency) = (amount, currency);
    }

    /// <summary>The amount.</summary>
    public decimal Amount { get; }

    /// <summary>ISO 4217.</summary>
    public string Currency { get; }

    /// <summary>Whether a text has the form of a currency.</summary>
    public static bool IsCurrency(string? text) => text is { Length: 3 } && text.All(char.IsAsciiLetterUpper);

    /// <summary>The same amount without zeros at its end: 0.5 and not 0.500000000000, as the database gives it.</summary>
    public static decimal Plain(decimal amount) => amount / 1.0000000000000000000000000000m;

    /// <summary>The sum.</summary>
    /// <exception cref="InvalidOperationException">The currencies differ: amounts are converted first, by a dated rate.</exception>
    public static Money operator +(Money left, Money right) => new(left.Amount + right.AmountIn(left.Currency), left.Currency);

    /// <summary>The difference.</summary>
    /// <exception cref="InvalidOperationException">The currencies differ.</exception>
    public static Money operator -(Money left, Money right) => new(left.Amount - right.AmountIn(left.Currency), left.Currency);

    /// <summary>For logs and messages: <c>0.0123 USD</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Amount:0.############} {Currency}");

    private decimal AmountIn(string currency) =>
        currency == Currency ? Amount : throw new InvalidOperationException($"{this} is not in {currency}.");
}
