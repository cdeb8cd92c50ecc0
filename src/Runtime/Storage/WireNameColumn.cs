using ControlCenter.Domain.Text;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace ControlCenter.Runtime.Storage;

/// <summary>Columns that hold one of a few words: the same words as on the wire, checked by the database.</summary>
public static class WireNameColumn
{
    /// <summary>Stores an enum as its wire name.</summary>
    public static PropertyBuilder<TEnum> HasWireName<TEnum>(this PropertyBuilder<TEnum> property)
        where TEnum : struct, Enum =>
        property.HasConversion(Converter<TEnum>());

    /// <summary>Stores an optional enum as its wire name.</summary>
    public static PropertyBuilder<TEnum?> HasWireName<TEnum>(this PropertyBuilder<TEnum?> property)
        where TEnum : struct, Enum =>
        property.HasConversion(Converter<TEnum>());

    /// <summary>Has the database refuse any word that the enum does not know.</summary>
    public static void HasWireNameCheck<TEnum>(this TableBuilder table, string column)
        where TEnum : struct, Enum =>
        table.HasCheckConstraint(
            $"{table.Name}_{column}_check",
            $"{column} in ({string.Join(", ", WireNames<TEnum>.All.Select(n => $"'{n}'"))})");

    private static ValueConverter<TEnum, string> Converter<TEnum>()
        where TEnum : struct, Enum =>
        new(value => WireNames<TEnum>.ToWire(value), name => WireNames<TEnum>.Parse(name));
}
