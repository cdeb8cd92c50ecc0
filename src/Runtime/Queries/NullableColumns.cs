using System.Text.Json;
using Npgsql;

namespace ControlCenter.Runtime.Queries;

/// <summary>Columns that may be null, read as what they are.</summary>
public static class NullableColumns
{
    /// <summary>A text or null.</summary>
    public static string? TextOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    /// <summary>A value or null.</summary>
    public static T? ValueOrNull<T>(this NpgsqlDataReader reader, int column)
        where T : struct => reader.IsDBNull(column) ? null : reader.GetFieldValue<T>(column);

    /// <summary>JSON or null.</summary>
    public static JsonElement? JsonOrNull(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : JsonElement.Parse(reader.GetString(column));
}
