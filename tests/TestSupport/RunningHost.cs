using System.Net.Http.Headers;
using ControlCenter.Hosting;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.TestSupport;

/// <summary>The real host on a real port with a database of its own, in this process so that tests can also look inside.</summary>
public sealed class RunningHost : IAsyncDisposable
{
    /// <summary>The founder's key of every test host.</summary>
    public const string FounderKey = "founder-key-for-tests";

    private readonly WebApplication _app;
    private readonly string _home;

    private RunningHost(WebApplication app, string home, string connectionString)
    {
        (_app, _home, ConnectionString) = (app, home, connectionString);
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <summary>Its database.</summary>
    public string ConnectionString { get; }

    /// <summary>What it is made of.</summary>
    public IServiceProvider Services => _app.Services;

    /// <summary>Starts a host, on a fresh database and by the machine's clock unless others are given.</summary>
    public static async Task<RunningHost> StartAsync(
        CancellationToken cancellationToken, string? connectionString = null, TimeProvider? time = null, int? eventRetentionDays = null)
    {
        connectionString ??= await TestCluster.CreateDatabaseAsync(cancellationToken);
        var home = Directory.CreateTempSubdirectory("cc-host-").FullName;
        var settings = new HostSettings(home, new Uri("http://127.0.0.1:0"), connectionString, "LOC", FounderKey, LogLevel.Warning, JsonLog: false, new EventRetention(eventRetentionDays)) { LocalRunner = false };
        var app = await ControlCenterHost.StartAppAsync(settings, connectionString, cancellationToken, time);
        return new RunningHost(app, home, connectionString);
    }

    /// <summary>A client that calls as the holder of a key; the founder unless said. An empty key sends none.</summary>
    public BusClient Client(string? key = null)
    {
        var http = new HttpClient { BaseAddress = new Uri(Address, "/api/v1/") };
        if (key != "")
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key ?? FounderKey);
        }

        return new BusClient(http);
    }

    /// <summary>Does something to the database behind the host's back.</summary>
    public async Task<T> SqlAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }
}
