using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Work;

/// <summary>A new ticket.</summary>
/// <param name="Title">1 to 500 characters.</param>
/// <param name="Description">Up to 64 KiB of text.</param>
/// <param name="Project">Up to 200 characters.</param>
/// <param name="Priority">0 to 4, 4 first; 2 unless said.</param>
public sealed record CreateTicketRequest(string Title, string? Description = null, string? Project = null, int? Priority = null);

/// <summary>What became of it.</summary>
public sealed record CreatedTicket(
    Guid TicketId, string Key, string Title, string? Description, string? Project, int Priority, TicketState State, Guid CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>Opens tickets, many callers' in one commit.</summary>
public sealed class CreateTicket(NpgsqlDataSource database, EventLogSignal signal, TimeProvider time, ILogger<CreateTicket> logger)
    : GroupCommit<CreateTicket.Draft, CreatedTicket>("ticket-writer", database, signal, time, logger)
{
    /// <summary>Opens a ticket.</summary>
    /// <exception cref="ValidationException">A field is not as described.</exception>
    /// <exception cref="ForbiddenException">The caller may not open tickets.</exception>
    public Task<Outcome<CreatedTicket>> ExecuteAsync(
        CreateTicketRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.CreateTickets);
        new FieldErrors()
            .Add("title", TextRules.Title(request.Title))
            .Add("description", TextRules.OptionalLongText(request.Description))
            .Add("project", TextRules.OptionalName(request.Project))
            .Add("priority", Priority.Problem(request.Priority))
            .ThrowIfAny();
        var draft = new Draft(
            Uuid7.New(Time), request.Title.Trim(), request.Description, request.Project?.Trim(),
            (short)(request.Priority ?? Priority.Default), caller.ActorId, UnitOfWork.CurrentCorrelation);
        return SubmitAsync(draft, idempotency, cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Draft, CreatedTicket>> group, List<EventDraft> events, CancellationToken cancellationToken)
    {
        await using var insert = new NpgsqlCommand(
            """
            insert into tickets (id, title, description, project, priority, state, created_by)
            select d.id, d.title, d.description, d.project, d.priority, 'open', d.actor
            from unnest(@ids, @titles, @descriptions, @projects, @priorities, @actors) with ordinality
                as d(id, title, description, project, priority, actor, place)
            order by d.place
            returning number, created_at
            """,
            connection);
        insert.Parameters.AddWithValue("ids", group.Select(m => m.Request.Id).ToArray());
        insert.Parameters.AddWithValue("titles", group.Select(m => m.Request.Title).ToArray());
        insert.Parameters.Add(new NpgsqlParameter("descriptions", NpgsqlDbType.Array | NpgsqlDbType.Text) { Value = group.Select(m => m.Request.Description).ToArray() });
        insert.Parameters.Add(new NpgsqlParameter("projects", NpgsqlDbType.Array | NpgsqlDbType.Text) { Value = group.Select(m => m.Request.Project).ToArray() });
        insert.Parameters.AddWithValue("priorities", group.Select(m => m.Request.Priority).ToArray());
        insert.Parameters.AddWithValue("actors", group.Select(m => m.Request.ActorId).ToArray());
        await using (var reader = await insert.ExecuteReaderAsync(cancellationToken))
        {
            foreach (var member in group)
            {
                await reader.ReadAsync(cancellationToken);
                var draft = member.Request;
                var at = reader.GetFieldValue<DateTimeOffset>(1);
                member.Result = new CreatedTicket(
                    draft.Id, Ticket.KeyOf(reader.GetInt64(0)), draft.Title, draft.Description, draft.Project, draft.Priority,
                    TicketState.Open, draft.ActorId, at, at);
            }
        }

        events.AddRange(group.Select(m => new EventDraft(
            m.Request.ActorId, "ticket.created", "ticket", m.Request.Id.ToString(), m.Request.Id, null,
            JsonSerializer.Serialize(new { m.Result!.Key, m.Result.Title, m.Result.Priority, m.Result.Project }, WireJson.Options), m.Request.CorrelationId)));
    }

    /// <summary>A ticket that has passed the rules.</summary>
    public sealed record Draft(
        Guid Id, string Title, string? Description, string? Project, short Priority, Guid ActorId, Guid? CorrelationId);
}
