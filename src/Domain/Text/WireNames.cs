using System.Collections.Frozen;
using System.Text.Json;

namespace ControlCenter.Domain.Text;

/// <summary>The words of an enum on the wire and in the database: <c>snake_case</c> of its members, exact and case-sensitive.</summary>
/// <typeparam name="TEnum">The enum.</typeparam>
public static class WireNames<TEnum>
    where TEnum : struct, Enum
{
    private static readonly FrozenDictionary<TEnum, string> ByValue =
        Enum.GetValues<TEnum>().ToFrozenDictionary(v => v, v => JsonNamingPolicy.SnakeCaseLower.ConvertName(v.ToString()));

    private static readonly FrozenDictionary<string, TEnum> ByName = ByValue.ToFrozenDictionary(p => p.Value, p => p.Key, StringComparer.Ordinal);

    /// <summary>Every word, in the order of the members.</summary>
    public static IReadOnlyList<string> All { get; } = Enum.GetValues<TEnum>().Select(v => ByValue[v]).ToArray();

    /// <summary>The word for a member.</summary>
    public static string ToWire(TEnum value) => ByValue[value];

    /// <summary>The member for a word; false if there is none.</summary>
    public static bool TryParse(string? name, out TEnum value)
    {
        value = default;
        return name is not null && ByName.TryGetValue(name, out value);
    }

    /// <summary>The member for a word that must be one.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static TEnum Parse(string name) =>
        TryParse(name, out var value) ? value : throw new FormatException($"'{name}' is not one of {string.Join(", ", All)}.");
}

/// <summary>The wire name where a value is at hand.</summary>
public static class WireName
{
    /// <summary>The value's word.</summary>
    public static string Wire<TEnum>(this TEnum value)
        where TEnum : struct, Enum => WireNames<TEnum>.ToWire(value);
}
