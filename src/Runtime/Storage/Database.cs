using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Storage;

/// <summary>The one pool of connections of this host.</summary>
public static class Database
{
    // Blueprint 8.8.1: 20 is enough below 15 agents. The services that keep one for themselves come on top; the rest serves commands and pages.
    private const int LargestPool = 20 + 8;

    /// <summary>Opens the pool. No connection is made yet.</summary>
    public static NpgsqlDataSource Open(string connectionString, ILoggerFactory loggers)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "control-center",
            MaxPoolSize = LargestPool,
            // Statements of the hot paths are planned once for each connection.
            MaxAutoPrepare = 100,
            AutoPrepareMinUsages = 2,
            // A connection that a firewall has dropped in silence is noticed by the kernel.
            TcpKeepAlive = true,
        };
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = "control-center" };
        builder.UseLoggerFactory(loggers);
        return builder.Build();
    }
}
