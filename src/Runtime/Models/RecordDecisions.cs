using System.Text.Json;
using System.Threading.Channels;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Models;

/// <summary>Keeps how calls were routed, and why: many at once, so that no call waits for it.</summary>
/// <remarks>What explains a call is not what it cost: a crash loses the last moment's explanations, and no money.</remarks>
public sealed class RecordDecisions(NpgsqlDataSource database, TimeProvider time, ILogger<RecordDecisions> logger)
    : SupervisedService("gateway-decisions", time, logger)
{
    private const int LargestGroup = 500;

    // A page that lists decisions may be this much behind.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan ForgetEvery = TimeSpan.FromHours(1);

    /// <summary>How long decisions are kept: the costs that they led to are kept for ever.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromDays(30);

    private readonly Channel<Decision> _line = Channel.CreateBounded<Decision>(new BoundedChannelOptions(50_000) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <summary>Keeps one.</summary>
    internal void Keep(CallUnderWay under, CallEnd? end, string? refusal) => _line.Writer.TryWrite(new Decision(
        under.Id, under.StartedAt.UtcDateTime, under.Attribution.ActorId, under.Attribution.AgentId, under.Attribution.TaskId, under.Call.Endpoint,
        under.Request.Model.Length <= 200 ? under.Request.Model : under.Request.Model[..200],
        under.Module?.Id, under.Module?.Provider, end, refusal, under.Status, under.Retries, under.Fallbacks, (int)under.Elapsed.TotalMilliseconds, under.FirstByteMs,
        JsonSerializer.Serialize(under.Steps, WireJson.Options)));

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var group = new List<Decision>();
        var forgottenAt = Time.GetTimestamp() - (long)(ForgetEvery.TotalSeconds * Time.TimestampFrequency);
        try
        {
            while (await _line.Reader.WaitToReadAsync(stoppingToken))
            {
                await WriteAllAsync(group, stoppingToken);
                if (Time.GetElapsedTime(forgottenAt) >= ForgetEvery)
                {
                    await using var forget = database.CreateCommand("delete from gateway_decisions where at < clock_timestamp() - @kept");
                    forget.Parameters.AddWithValue("kept", KeptFor);
                    await forget.ExecuteNonQueryAsync(stoppingToken);
                    forgottenAt = Time.GetTimestamp();
                }

                await Task.Delay(Interval, Time, stoppingToken);
            }
        }
        finally
        {
            // Calls that end while the host stops are explained too.
            await WriteAllAsync(group, CancellationToken.None);
        }
    }

    // What a fault leaves in the group is written first when the service runs again.
    private async Task WriteAllAsync(List<Decision> group, CancellationToken cancellationToken)
    {
        while (true)
        {
            while (group.Count < LargestGroup && _line.Reader.TryRead(out var decision))
            {
                group.Add(decision);
            }

            if (group.Count == 0)
            {
                return;
            }

            await WriteAsync(group, cancellationToken);
            Beat($"{group.Count} decisions kept");
            group.Clear();
        }
    }

    private async Task WriteAsync(List<Decision> group, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            insert into gateway_decisions (id, at, actor_id, agent_id, task_id, endpoint, requested_model, module_id, provider_id, ended, refusal, status, retries, fallbacks, took_ms, first_byte_ms, steps)
            select * from unnest(@ids, @ats, @actors, @agents, @tasks, @endpoints, @models, @modules, @providers, @ends, @refusals, @statuses, @retries, @fallbacks, @took, @first, @steps)
            on conflict (id) do nothing
            """);
        void Add<T>(string name, NpgsqlDbType type, Func<Decision, T> value) =>
            command.Parameters.Add(new NpgsqlParameter(name, NpgsqlDbType.Array | type) { Value = group.ConvertAll(d => value(d)) });
        Add("ids", NpgsqlDbType.Uuid, d => d.Id);
        Add("ats", NpgsqlDbType.TimestampTz, d => d.At);
        Add("actors", NpgsqlDbType.Uuid, d => d.ActorId);
        Add("agents", NpgsqlDbType.Uuid, d => d.AgentId);
        Add("tasks", NpgsqlDbType.Uuid, d => d.TaskId);
        Add("endpoints", NpgsqlDbType.Text, d => d.Endpoint.Wire());
        Add("models", NpgsqlDbType.Text, d => d.RequestedModel);
        Add("modules", NpgsqlDbType.Text, d => d.ModuleId);
        Add("providers", NpgsqlDbType.Text, d => d.ProviderId);
        Add("ends", NpgsqlDbType.Text, d => d.End?.Wire());
        Add("refusals", NpgsqlDbType.Text, d => d.Refusal);
        Add("statuses", NpgsqlDbType.Integer, d => d.Status);
        Add("retries", NpgsqlDbType.Integer, d => d.Retries);
        Add("fallbacks", NpgsqlDbType.Integer, d => d.Fallbacks);
        Add("took", NpgsqlDbType.Integer, d => d.TookMs);
        Add("first", NpgsqlDbType.Integer, d => d.FirstByteMs);
        Add("steps", NpgsqlDbType.Jsonb, d => d.Steps);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private sealed record Decision(
        Guid Id, DateTime At, Guid ActorId, Guid? AgentId, Guid? TaskId, ModelEndpoint Endpoint, string RequestedModel, string? ModuleId, string? ProviderId,
        CallEnd? End, string? Refusal, int? Status, int Retries, int Fallbacks, int TookMs, int? FirstByteMs, string Steps);
}
