using System.Globalization;
using System.Text;
using Npgsql;

namespace ControlCenter.Runtime.Queries;

/// <summary>The conditions of a query, as they are asked for: only what is asked is in the statement, so that the plan fits it.</summary>
public sealed class SqlFilter(NpgsqlCommand command)
{
    private readonly StringBuilder _conditions = new("true");

    /// <summary>The conditions, for a <c>where</c>.</summary>
    public string Where => _conditions.ToString();

    /// <summary>Adds a condition if there is a value for its one parameter.</summary>
    public SqlFilter Add<T>(string condition, string parameter, T? value)
    {
        if (value is not null)
        {
            _conditions.Append(" and ").Append(condition);
            command.Parameters.AddWithValue(parameter, value);
        }

        return this;
    }

    /// <summary>Adds the condition that a page begins after a place in time, if there is one.</summary>
    /// <param name="at">The column of the time.</param>
    /// <param name="id">The column of the id.</param>
    /// <param name="direction"><c>&gt;</c> where the oldest come first, otherwise <c>&lt;</c>.</param>
    /// <param name="place">The place.</param>
    public SqlFilter AddPlace(string at, string id, string direction, PlaceInTime? place)
    {
        if (place is { } after)
        {
            // A comparison of rows, which the index on both columns serves as one range.
            _conditions.Append(CultureInfo.InvariantCulture, $" and ({at}, {id}) {direction} (@place_at, @place_id)");
            command.Parameters.AddWithValue("place_at", after.At.UtcDateTime);
            command.Parameters.AddWithValue("place_id", after.Id);
        }

        return this;
    }
}
