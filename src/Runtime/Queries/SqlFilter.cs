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
}
