using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Access;

/// <summary>Adds someone who can call the bus.</summary>
public static class AddActor
{
    /// <summary>Adds an actor.</summary>
    /// <exception cref="ConflictException"><c>name_taken</c>.</exception>
    public static async Task ExecuteAsync(UnitOfWork unit, Guid id, string name, Role role, CancellationToken cancellationToken)
    {
        try
        {
            await unit.ExecuteAsync(
                "insert into actors (id, name, role) values (@id, @name, @role)",
                cancellationToken, ("id", id), ("name", name), ("role", WireNames<Role>.ToWire(role)));
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw new ConflictException(ProblemTypes.NameTaken, $"The name '{name}' is taken. Choose another, or go on with the key of the one that has it.");
        }
    }
}
