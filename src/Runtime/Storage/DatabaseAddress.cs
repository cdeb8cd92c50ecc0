namespace ControlCenter.Runtime.Storage;

/// <summary>How the database is reached, with its password: for PostgreSQL's own programs, which open connections of their own.</summary>
/// <param name="ConnectionString">For Npgsql.</param>
public sealed record DatabaseAddress(string ConnectionString)
{
    /// <inheritdoc />
    public override string ToString() => "the host's database";
}
