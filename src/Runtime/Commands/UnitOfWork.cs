using System.Diagnostics;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.EventLog;
using Npgsql;

namespace ControlCenter.Runtime.Commands;

/// <summary>One transaction: the changes that a command makes and the events that tell of them, committed together or not at all.</summary>
public sealed class UnitOfWork(NpgsqlConnection connection, Caller caller)
{
    private readonly List<EventDraft> _events = [];

    /// <summary>The connection, with its transaction open.</summary>
    public NpgsqlConnection Connection { get; } = connection;

    /// <summary>On whose behalf.</summary>
    public Caller Caller { get; } = caller;

    /// <summary>What will be appended to the log at the end.</summary>
    public IReadOnlyList<EventDraft> Events => _events;

    /// <summary>The trace that this work is part of, as it is kept with events and audit entries.</summary>
    public static Guid? CurrentCorrelation =>
        Activity.Current is { } activity ? new Guid(Convert.FromHexString(activity.TraceId.ToHexString()), bigEndian: true) : null;

    /// <summary>Has an event written with this transaction.</summary>
    /// <param name="kind">What happened.</param>
    /// <param name="subject">What it happened to.</param>
    /// <param name="data">The particulars; becomes JSON.</param>
    /// <param name="ticketId">The ticket that it belongs to.</param>
    /// <param name="taskId">The task that it belongs to.</param>
    /// <param name="correlation">The trace that it is part of, where that is not the current one: in a group of many callers' work.</param>
    public void Record(string kind, (string Type, string Id) subject, object data, Guid? ticketId = null, Guid? taskId = null, Guid? correlation = null) =>
        _events.Add(new EventDraft(
            Caller.ActorId, kind, subject.Type, subject.Id, ticketId, taskId,
            JsonSerializer.Serialize(data, data.GetType(), WireJson.Options), correlation ?? CurrentCorrelation));

    /// <summary>A command within the transaction.</summary>
    public NpgsqlCommand Command(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = new NpgsqlCommand(sql, Connection);
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }

        return command;
    }

    /// <summary>Runs a statement and returns how many rows it changed.</summary>
    public async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        await using var command = Command(sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
