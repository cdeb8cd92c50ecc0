using System.Security.Cryptography;
using System.Text;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Tests.Execution;

/// <summary>Hosts, definitions and runtimes as they lie in the database, for tests of what reads them.</summary>
internal static class ExecutionRows
{
    private static int _names;

    public static async Task<HostRow> HostAsync(this RunningHost host, CancellationToken stop, string state = "online", int memoryMb = 16_000, int usedMb = 4_000, string[]? labels = null)
    {
        var row = new HostRow(Guid.CreateVersion7(), $"host-{Interlocked.Increment(ref _names)}", $"host-key-{Guid.NewGuid():N}");
        await host.RunAsync(
            """
            with a as (insert into actors (id, name, role) values (@id, @name, 'host_runner') returning id),
                k as (insert into api_keys (id, actor_id, hash, prefix) select gen_random_uuid(), id, @hash, 'test' from a)
            insert into hosts (id, name, state, labels, cores, cpu_percent, memory_mb, memory_used_mb, disk_mb, disk_free_mb, last_report_at)
            select id, @name, @state, @labels, 8, 10, @memory, @used, 100000, 60000, clock_timestamp() from a
            """,
            stop, ("id", row.Id), ("name", row.Name), ("hash", SHA256.HashData(Encoding.UTF8.GetBytes(row.Key))), ("state", state), ("memory", memoryMb), ("used", usedMb), ("labels", labels ?? []));
        return row;
    }

    public static async Task<Guid> DefinitionAsync(this RunningHost host, CancellationToken stop, string? name = null, string adapter = "process", string[]? capabilities = null, int instances = 1, string? route = null)
    {
        var id = Guid.CreateVersion7();
        name ??= $"definition-{Interlocked.Increment(ref _names)}";
        var body = System.Text.Json.JsonSerializer.Serialize(
            new Domain.Execution.AgentDefinition { Name = name, Adapter = adapter, Command = ["true"], Capabilities = capabilities ?? [], Instances = instances, ModelRoute = route }, Runtime.Commands.WireJson.Options);
        await host.RunAsync(
            "insert into agent_definitions (id, name, source, body, version, updated_by) values (@id, @name, 'page', @body::jsonb, 1, @founder)",
            stop, ("id", id), ("name", name), ("body", body), ("founder", Domain.Access.Actor.FounderId));
        return id;
    }

    /// <summary>A runtime that runs.</summary>
    public static async Task<RuntimeRow> RuntimeAsync(this RunningHost host, HostRow on, Guid definition, TestAgent agent, CancellationToken stop, string phase = "ready", Guid? task = null)
    {
        var row = new RuntimeRow(Guid.CreateVersion7(), Guid.CreateVersion7(), Token: 7);
        await host.RunAsync(
            """
            with s as (insert into sessions (id, agent_id, definition_id, adapter, state) values (@session, @agent, @definition, 'process', 'active'))
            insert into runtimes (id, agent_id, definition_id, definition_version, definition, adapter, session_id, task_id, priority, requested_by, phase,
                granted_at, observed_at, ready_at, seen_at, progress_at, host_id, fencing_token, lease_expires_at)
            select @id, @agent, d.id, 1, d.body, 'process', @session, @task, 2, @founder, @phase, clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(),
                clock_timestamp(), @host, @token, clock_timestamp() + interval '45 s'
            from agent_definitions d where d.id = @definition
            """,
            stop, ("session", row.Session), ("agent", Guid.Parse(agent.Id)), ("definition", definition), ("id", row.Id), ("task", task), ("founder", Domain.Access.Actor.FounderId),
            ("phase", phase), ("host", on.Id), ("token", row.Token));
        return row;
    }

    public static async Task RunAsync(this RunningHost host, string sql, CancellationToken stop, params (string Name, object? Value)[] parameters)
    {
        await using var connection = new NpgsqlConnection(host.ConnectionString);
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }

        await command.ExecuteNonQueryAsync(stop);
    }
}

internal sealed record HostRow(Guid Id, string Name, string Key);

internal sealed record RuntimeRow(Guid Id, Guid Session, long Token);
